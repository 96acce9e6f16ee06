"""What a run waits for: orders that wait are resumed, and nothing is awaited that cannot come."""

import io
import json
import sqlite3
from collections.abc import Callable
from contextlib import nullcontext
from subprocess import CompletedProcess
from types import SimpleNamespace
from typing import Any

import pytest

from demo import order_driver, phases
from demo.database import insert
from demo.errors import DemoError
from demo.screen import Screen
from ops.faults import FAULTS_WHILE_DISPATCHING

RESUME = ("saga", "resume", "--all", "--yes", "--json", "--per-second", "200")


class Orders:
    """Accepted orders, some of them deferred, and the operator's command that resumes them."""

    def __init__(self, database: sqlite3.Connection, *states: str) -> None:
        self.database = database
        self.resumed: list[int] = []
        """How many orders each command resumes; one that it resumes ends at once."""
        self.commands: list[tuple[str, ...]] = []
        self.waits = 0
        insert(database, "accepted", [(f"{n}", f"{n}") for n, _ in enumerate(states)])
        insert(
            database,
            "orders",
            [(f"{n}", "ada", state, 1, 1, "GBP", None, None) for n, state in enumerate(states)],
        )

    def wait(self, remaining: Callable[[], int]) -> None:
        self.waits += 1
        remaining()

    def ops(self, _: Any, *words: str) -> CompletedProcess[str]:
        self.commands.append(words)
        number = self.resumed.pop(0)
        self.database.execute(
            "UPDATE orders SET state = 'CONFIRMED' WHERE order_id IN"
            " (SELECT order_id FROM orders WHERE state = 'PLACED' LIMIT ?)",
            [number],
        )
        counts = {"selected": number, "worked_on": 0, "resumed": number, "went_on": 0}
        return CompletedProcess(words, 0, json.dumps(counts))

    def await_sagas(self, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setattr(phases, "wait_until_none", self.wait)
        monkeypatch.setattr(phases, "run_ops", self.ops)
        snapshot = SimpleNamespace(gather_orders=lambda: None, gather_dead_letters=lambda: None)
        run: Any = SimpleNamespace(cloud=None, database=self.database, snapshot=snapshot)
        out = io.StringIO()
        phases.await_sagas(run, Screen(out))
        return out.getvalue()


def test_orders_that_have_ended_need_no_command(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
):
    orders = Orders(database, "CONFIRMED", "REJECTED")

    assert "2 of 2" in orders.await_sagas(monkeypatch)
    assert (orders.waits, orders.commands) == (1, [])


def test_deferred_orders_are_resumed_until_they_have_ended(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
):
    orders = Orders(database, "PLACED", "CONFIRMED", "PLACED")
    orders.resumed = [1, 1]

    assert "3 of 3" in orders.await_sagas(monkeypatch)
    assert (orders.waits, orders.commands) == (3, [RESUME, RESUME])


def test_order_that_cannot_be_resumed_is_left(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
):
    orders = Orders(database, "PLACED")
    orders.resumed = [0]

    assert "0 of 1" in orders.await_sagas(monkeypatch)
    assert (orders.waits, orders.commands) == (1, [RESUME])


def test_order_that_is_deferred_again_and_again_is_left(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
):
    orders = Orders(database, *["PLACED"] * 9)
    orders.resumed = [1] * 9

    assert "3 of 9" in orders.await_sagas(monkeypatch)
    assert len(orders.commands) == phases.MAX_RESUMES == 3


@pytest.mark.parametrize(
    ("states", "injected"),
    [
        (("REJECTED", "CONFIRMED"), [FAULTS_WHILE_DISPATCHING]),
        (("REJECTED", "CANCELLED"), []),
    ],
)
def test_faults_are_injected_where_an_order_is_to_be_dispatched(
    database: sqlite3.Connection, states: tuple[str, ...], injected: list[object]
):
    Orders(database, *states)
    asked: list[object] = []

    def active(faults: object) -> Any:
        asked.append(faults)
        return nullcontext()

    run: Any = SimpleNamespace(database=database)
    with phases.faults_while_dispatching(run, SimpleNamespace(active=active)):  # type: ignore[arg-type]
        assert asked == injected


def test_run_of_which_no_order_is_accepted_ends_with_the_reason_of_the_first(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
):
    """Nothing would be left to verify, and every promise would hold."""
    insert(database, "invoices", [(line, f"{line}", "ada", "EIRE", "[]") for line in (2, 5)])

    def refuse(*_: object, **__: object) -> list[object]:
        refused = [(line, f"{line}", "the API answered 400", "no such SKU") for line in (2, 5)]
        insert(database, "rejections", refused)
        return [None, None]

    monkeypatch.setattr(order_driver, "submit_orders", refuse)
    lags = SimpleNamespace(follow_newest=lambda _: None)
    run: Any = SimpleNamespace(
        database=database,
        snapshot=SimpleNamespace(gather_events=lambda: None),
        read_side=SimpleNamespace(measuring_lags=lambda: nullcontext(lags)),
        resharding=None,
        api=None,
        stop=None,
    )

    said = r"None of the 2 orders was accepted: for the first, on line 2, the API answered 400"
    with pytest.raises(DemoError, match=said):
        phases.submit_orders(run, Screen(io.StringIO()), None)

"""The demo decides on each held duplicate of its run once, as an operator does."""

import io
import json
import sqlite3
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from demo import duplicates, order_book
from demo.api_client import ApiResponse
from demo.database import SCHEMA, insert
from demo.duplicates import JOB, REASON, Duplicates
from demo.errors import DemoError
from tests.support.items import any_item

OUTPUTS = {"OrdersTable": "orders", "LiftHoldFunction": "lift"}


def row(order: str, *holds: tuple[str, str], of: str | None = "first") -> dict[str, Any]:
    """An order's row with holds of these reasons and states."""
    found = [
        {"reason": reason, "state": state, "cause": f"cause of {order}", "explanation": "the same"}
        for reason, state in holds
    ]
    marked = {"duplicate_of": of} if of else {}
    return {"order_id": order, "placed_at": "2026-12-01T08:26:00Z", "holds": found, **marked}


class Platform:
    """The job, the orders' table, the function that lifts holds, and the API."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = rows
        self.found = [{"held": 0}]
        """What the job answers, in turn."""
        self.lifted: list[Any] = []
        self.cancelled: list[tuple[str, str]] = []
        self.refused = False

    def client(self, service: str) -> Any:
        if service == "dynamodb":
            return SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=self._pages))
        return SimpleNamespace(
            invoke=self._invoke,
            get_function_configuration=lambda **_: {
                "Environment": {"Variables": {"DUPLICATE_WINDOW_SECONDS": "300"}}
            },
        )

    def cancel(self, order_id: str, *, customer: str) -> ApiResponse:
        self.cancelled.append((order_id, customer))
        return ApiResponse(409 if self.refused else 202, {"state": "WITHDRAWN"})

    def _pages(self, **_: Any) -> Iterator[Any]:
        for each in self.rows:
            yield {"Items": [any_item(each)]}

    def _invoke(self, *, FunctionName: str, Payload: Any) -> Any:  # noqa: N803
        error = {"FunctionError": "Unhandled"} if self.refused else {}
        if FunctionName == "job":
            content = self.found.pop(0)
            return {**error, "Payload": io.BytesIO(json.dumps(content).encode())}
        assert FunctionName == "lift"
        self.lifted.append(json.loads(Payload))
        return {**error, "Payload": io.BytesIO(b"no")}


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.executescript(order_book.SCHEMA + SCHEMA + duplicates.SCHEMA)
    for line, order in enumerate("abcd"):
        insert(connection, "invoices", [(line, f"i-{order}", f"c-{order}", "EIRE", "[]")])
        insert(connection, "accepted", [(order, f"i-{order}")])
    yield connection
    connection.close()


def operator(
    database: sqlite3.Connection, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> Duplicates:
    functions = [
        SimpleNamespace(name=name, physical=physical)
        for name, physical in ((JOB, "job"), ("orders/PlaceOrder", "other"))
    ]
    templates = SimpleNamespace(resources=lambda _: functions)
    monkeypatch.setattr(
        duplicates, "Deployed", lambda **_: SimpleNamespace(templates=lambda: templates)
    )
    monkeypatch.setattr(duplicates, "RootSession", lambda _: None)
    cloud: Any = platform
    return Duplicates(cloud, OUTPUTS, database, api=cloud)


def test_holds_of_duplicates_are_lifted_and_orders_cancelled_by_turns(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
):
    platform = Platform(
        *(row(order, (REASON, "HELD")) for order in "abc"),
        row("d", ("PaymentDisputed", "HELD"), (REASON, "LIFTED")),
        row("of another run", (REASON, "HELD")),
    )
    decider = operator(database, platform, monkeypatch)

    for _ in range(2):
        decider.decide()

    assert platform.lifted == [
        {"order_id": order, "cause": f"cause of {order}"} for order in ("a", "c")
    ]
    assert platform.cancelled == [("b", "c-b")]
    assert database.execute("SELECT * FROM duplicates ORDER BY order_id").fetchall() == [
        ("a", "LIFT", "the same"),
        ("b", "CANCEL", "the same"),
        ("c", "LIFT", "the same"),
    ]
    assert database.execute("SELECT * FROM cancel_requests").fetchall() == [("b", "WITHDRAWN")]


def test_cancellation_that_the_api_refused_is_recorded_without_a_state(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
):
    platform = Platform(row("b", (REASON, "HELD")))
    platform.refused = True
    insert(database, "duplicates", [("a", "LIFT", "the same")])

    operator(database, platform, monkeypatch).decide()

    assert database.execute("SELECT * FROM cancel_requests").fetchall() == [("b", None)]


def test_hold_that_is_not_lifted_ends_the_run(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
):
    platform = Platform(row("a", (REASON, "HELD")))
    platform.refused = True

    with pytest.raises(DemoError, match="a's hold was not lifted"):
        operator(database, platform, monkeypatch).decide()


def test_later_holds_are_decided_when_one_was_published(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
):
    platform = Platform(row("a", (REASON, "HELD")))
    decider = operator(database, platform, monkeypatch)

    decider.decide_if_held()
    assert platform.lifted == []
    insert(database, "events", [("1", "a", 2, "OrderHeld", "")])
    decider.decide_if_held()
    assert [each["order_id"] for each in platform.lifted] == ["a"]


def test_job_is_run_until_it_finds_no_more(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
):
    platform, said = Platform(), list[str]()
    platform.found = [{"held": 2, "kept": 9}, {"too_late": 1, "cancelled": 1}, {"kept": 9}]
    decider = operator(database, platform, monkeypatch)

    decider.find(said.append)

    assert said == ["2 found", "4 found", "4 found"]
    platform.refused, platform.found = True, [{"held": 0}]
    with pytest.raises(DemoError, match="could not be looked for"):
        decider.find(said.append)


def test_what_orders_has_on_record_is_gathered(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
):
    platform = Platform(row("a", of=None), row("b", ("PaymentDisputed", "HELD"), (REASON, "HELD")))
    decider = operator(database, platform, monkeypatch)

    for _ in range(2):
        decider.gather()

    assert database.execute("SELECT * FROM placements ORDER BY order_id").fetchall() == [
        ("a", "2026-12-01T08:26:00Z", None, None, 300),
        ("b", "2026-12-01T08:26:00Z", "first", "HELD", 300),
    ]
    (known,) = database.execute("SELECT count(*) FROM contents").fetchone()
    assert known == len("abcd")

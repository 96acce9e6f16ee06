"""`order list` shows the selected orders, newest first, and what is wrong with each."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from lambdas.orders.domain import Hold, HoldState
from ops import __main__ as main
from tests.support.items import any_item
from tests.unit.ops.order_samples import at, order

Run = Callable[..., tuple[int, str, str]]
HOLD = Hold(cause="d", reason="PaymentDisputed", explanation="why", state=HoldState.HELD, at=at(1))


def row(number: int, state: str, **more: Any) -> dict[str, Any]:
    """Return a row of an order of its own, placed in that second."""
    times = {"placed_at": past(number), "changed_at": past(number)}
    return {**order(state, 2, number, **more), "order_id": f"{number:032x}", **times}


def past(second: int) -> str:
    return f"2020-01-01T00:00:0{second}+00:00"


ROWS = (
    row(1, "CONFIRMED"),
    row(2, "PLACED", claim_until=4_000_000_000, claim_owner="e"),
    {**row(3, "CONFIRMED", holds=(HOLD,)), "customer_id": "bob"},
    row(4, "PLACED"),
    row(5, "REJECTED", failed_compensations=("RefundPayment",)),
    row(6, "DISPATCHED"),
)


class Table:
    """The orders' table, in pages of two; notes what it is asked."""

    def __init__(self, *rows: Mapping[str, Any]) -> None:
        self.rows = rows
        self.requests: list[Mapping[str, Any]] = []

    def outputs(self, stack: str) -> Mapping[str, str]:
        return {"Orders": {"OrdersTable": "orders"}}[stack]

    def client(self, service: str) -> Any:
        assert service == "dynamodb"
        return SimpleNamespace(get_paginator=self._paginator)

    def _paginator(self, operation: str) -> Any:
        assert operation == "scan"
        return SimpleNamespace(paginate=self._pages)

    def _pages(self, **request: Any) -> Any:
        self.requests.append(request)
        for start in range(0, len(self.rows), 2):
            yield {"Items": [any_item(row) for row in self.rows[start : start + 2]]}


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def listed(*options: str, table: Table | None = None) -> tuple[int, str, str]:
        monkeypatch.setattr(main, "deployed", lambda _: table or Table(*ROWS))
        monkeypatch.setattr("sys.argv", ["ops", "order", "list", *options])
        code = main.main()
        said = capsys.readouterr()
        return code, said.out, said.err

    return listed


def ids(out: str) -> list[int]:
    """Return the numbers of the orders in a listing."""
    return [int(line.split()[0], 16) for line in out.splitlines() if line.startswith("0" * 20)]


@pytest.mark.parametrize(
    ("options", "numbers", "code"),
    [
        ((), [6, 5, 4, 3, 2, 1], 1),
        (("--state", "CONFIRMED"), [3, 1], 0),
        (("--state", "confirmed"), [3, 1], 0),
        (("--customer", "bob"), [3], 0),
        (("--held",), [3], 0),
        (("--stuck",), [5, 4], 1),
        (("--stuck", "--state", "PLACED"), [4], 1),
        (("--customer", "nobody"), [], 0),
        (("--limit", "2"), [6, 5], 1),
    ],
)
def test_list_shows_the_selected_orders_newest_first(
    listed: Run, options: tuple[str, ...], numbers: list[int], code: int
):
    ended, out, err = listed(*options)

    assert (ids(out), ended, err) == (numbers, code, "")


def test_list_says_how_many_of_how_many(listed: Run):
    _, out, _ = listed("--limit", "2")

    assert out.splitlines()[-1] == "2 of 6 orders"


def test_list_names_what_is_wrong_and_what_holds(listed: Run):
    _, out, _ = listed()

    assert "RefundPayment failed for good and waits for a person" in out
    assert "held: PaymentDisputed" in out


def test_list_reads_the_table_consistently(listed: Run):
    table = Table(*ROWS)

    listed(table=table)

    assert [(r["TableName"], r["ConsistentRead"]) for r in table.requests] == [("orders", True)]


def test_list_json_is_an_array_of_orders(listed: Run):
    _, out, _ = listed("--held", "--json")

    (shown,) = json.loads(out)
    assert shown == {
        "order_id": f"{3:032x}",
        "state": "CONFIRMED",
        "customer_id": "bob",
        "placed_at": past(3),
        "changed_at": past(3),
        "total": ROWS[2]["total"],
        "currency": "GBP",
        "held": ["PaymentDisputed"],
        "deferred": None,
        "problems": [],
    }


@pytest.mark.parametrize(
    "garbled",
    [
        {"order_id": "\x1b[2J"},
        {**row(7, "PLACED"), "state": "NONSENSE"},
        {**row(7, "PLACED"), "changed_at": "yesterday"},
        {**row(7, "PLACED"), "total": "much"},
        {**row(7, "PLACED"), "holds": [{"cause": "c"}]},
        {**row(7, "PLACED"), "holds": 7},
        {**row(7, "PLACED"), "claim_until": "soon"},
        {**row(7, "PLACED"), "lines": [b"\x00"]},
        {**row(7, "PLACED"), "lines": [{}]},
    ],
    ids=str,
)
def test_row_that_is_no_order_is_listed_as_unreadable(listed: Run, garbled: dict[str, Any]):
    code, out, err = listed(table=Table(garbled, *ROWS))
    _, as_json, _ = listed("--json", table=Table(garbled, *ROWS))

    assert (code, err, ids(out)[-6:]) == (1, "", [6, 5, 4, 3, 2, 1])
    assert "is no order: " in out
    assert out.replace("\n", "").isprintable()
    assert json.loads(as_json)[0].keys() == {"order_id", "unreadable"}


def test_unknown_state_is_refused_with_the_known_ones(
    listed: Run, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit):
        listed("--state", "LOST")

    assert "PLACED" in capsys.readouterr().err


def test_deferred_orders_are_listed_with_what_they_wait_for(listed: Run):
    waits = {"deferred_step": "TakePayment", "deferred_error": "States.Timeout"}
    due = {"deferred_since": past(8), "check_after": "2100-01-01T00:00:00Z"}
    table = Table(*ROWS, row(8, "PLACED", **waits, **due))

    code, out, _ = listed("--deferred", table=table)

    assert (code, ids(out)) == (0, [8])
    assert "deferred: TakePayment: States.Timeout" in out


def test_orders_of_an_age_are_listed(listed: Run):
    recent = {**row(1, "PLACED"), "placed_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.000Z}"}

    _, out, _ = listed("--older-than", "10", table=Table(recent, row(2, "DISPATCHED")))

    assert ids(out) == [2]


@pytest.mark.parametrize("minutes", ["0", "-1", "ten"])
def test_age_that_is_no_number_is_refused(listed: Run, minutes: str):
    with pytest.raises(SystemExit, match="2"):
        listed("--older-than", minutes)

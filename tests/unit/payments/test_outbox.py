"""An entry of the ledger from which no event can be made keeps no other from being published."""

import json
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from lambdas.payments.database import Database
from lambdas.payments.outbox import PAGE, PAGES, Outbox
from lambdas.runtime.bus import Bus
from tests.support.aws_fakes import FakeEvents

AT = datetime(2026, 12, 1, 8, 26, tzinfo=UTC)


def row(order_id: str, **changed: Any) -> list[Any]:
    """An entry as the database returns it."""
    entry: dict[str, Any] = {
        "kind": "CHARGE",
        "debit": "card-provider",
        "credit": "customer/17850",
        "amount": 255,
        "currency": "GBP",
        "occurred_at": AT,
    }
    return [f"event of {order_id}", order_id, *(entry | changed).values()]


class Rows:
    """A database whose outbox has these entries."""

    def __init__(self, *rows: list[Any], events: FakeEvents | None = None) -> None:
        self._rows = list(rows)
        self._events = events or FakeEvents()
        self.deleted: list[str] = []

    def published(self) -> list[str]:
        return [json.loads(e["Detail"])["data"]["order_id"] for e in self._events.taken]

    def run(self, sql: str, **values: Any) -> list[Any]:
        if "DELETE" in sql:
            self.deleted += [row[0] for row in self._rows if row[1] in self.published()]
            return []
        left = [row for row in self._rows if row[0] not in (*self.deleted, *values["left_out"])]
        return left[: values["row_limit"]]


@pytest.mark.parametrize(
    "bad",
    [
        *({"occurred_at": "infinity"}, {"kind": "GIFT"}, {"currency": "gbp"}),
        *({"amount": 2**60}, {"credit": "customer/"}),
    ],
    ids=str,
)
def test_entries_behind_an_unreadable_one_are_published(bad: dict[str, Any]):
    events = FakeEvents()
    database = Rows(row("o1", **bad), row("o2"), events=events)
    outbox = Outbox(cast(Database, database), Bus("Orders", eventbridge=events))

    swept = outbox.sweep()

    assert (swept.published, swept.rejected) == (1, 0)
    assert len(database.deleted) == 1
    assert ['"o2"' in entry["Detail"] for entry in events.taken] == [True]
    (why,) = swept.unreadable
    assert why.startswith("o1/")


@pytest.mark.parametrize("number", [PAGE - 1, PAGE, PAGE * (PAGES + 1)])
def test_entries_behind_any_number_of_unreadable_ones_are_published(number: int):
    events = FakeEvents()
    bad = [row(f"bad {n}", kind="GIFT") for n in range(number)]
    database = Rows(*bad, row("good"), events=events)
    outbox = Outbox(cast(Database, database), Bus("Orders", eventbridge=events))

    swept = outbox.sweep()

    assert (swept.published, swept.rejected, len(swept.unreadable)) == (1, 0, number)
    assert database.published() == ["good"]

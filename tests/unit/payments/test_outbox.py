"""An entry of the ledger from which no event can be made keeps no other from being published."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from lambdas.payments.database import Database
from lambdas.payments.outbox import Outbox
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
    return [order_id, *(entry | changed).values()]


class Rows:
    """A database whose outbox has these entries."""

    def __init__(self, *rows: list[Any]) -> None:
        self._rows = list(rows)
        self.deleted: list[str] = []

    def run(self, sql: str, **values: Any) -> list[Any]:
        if "DELETE" in sql:
            self.deleted += values["event_ids"]
            return []
        return self._rows


@pytest.mark.parametrize(
    "bad",
    [
        *({"occurred_at": "infinity"}, {"kind": "GIFT"}, {"currency": "gbp"}),
        *({"amount": 2**60}, {"credit": "customer/"}),
    ],
    ids=str,
)
def test_entries_behind_an_unreadable_one_are_published(bad: dict[str, Any]):
    events, database = FakeEvents(), Rows(row("o1", **bad), row("o2"))
    outbox = Outbox(cast(Database, database), Bus("Orders", eventbridge=events))

    swept = outbox.sweep()

    assert (swept.published, swept.rejected) == (1, 0)
    assert len(database.deleted) == 1
    assert ['"o2"' in entry["Detail"] for entry in events.taken] == [True]
    (why,) = swept.unreadable
    assert why.startswith("o1/")

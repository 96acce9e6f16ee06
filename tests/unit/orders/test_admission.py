"""Whether new orders are accepted."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.orders.admission import (
    FORGOTTEN_AFTER,
    READ_EVERY,
    Admission,
    Backlog,
    TooManyOpenOrdersError,
)
from lambdas.orders.backlog import BacklogStore
from lambdas.runtime.dynamodb import to_item
from tests.support.doubles import ClientDouble

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
LIMIT = 100


class Counts:
    """The last count, and how often it was read."""

    def __init__(self, orders: int | None) -> None:
        self.orders = orders
        self.reads = 0

    def read(self) -> Backlog | None:
        self.reads += 1
        return None if self.orders is None else Backlog(orders=self.orders, counted_at=NOW)


def is_closed(admission: Admission, now: datetime) -> bool:
    try:
        admission.check(now)
    except TooManyOpenOrdersError:
        return True
    return False


@pytest.mark.parametrize(
    ("orders", "closed"), [(None, False), (0, False), (LIMIT, False), (LIMIT + 1, True)]
)
def test_orders_are_refused_only_above_the_limit(orders: int | None, closed: bool):
    assert is_closed(Admission(Counts(orders).read, limit=LIMIT), NOW) is closed


def test_count_is_kept_for_some_seconds():
    counts = Counts(LIMIT + 1)
    admission = Admission(counts.read, limit=LIMIT)

    assert [is_closed(admission, NOW + READ_EVERY * part / 10) for part in range(10)] == [True] * 10
    assert counts.reads == 1

    counts.orders = LIMIT
    assert not is_closed(admission, NOW + READ_EVERY)
    assert counts.reads == 2


def test_missing_count_is_kept_as_well():
    counts = Counts(None)
    admission = Admission(counts.read, limit=LIMIT)

    is_closed(admission, NOW)
    is_closed(admission, NOW + READ_EVERY / 2)

    assert counts.reads == 1


def test_count_of_a_job_that_is_broken_is_forgotten():
    admission = Admission(Counts(LIMIT + 1).read, limit=LIMIT)

    assert is_closed(admission, NOW + FORGOTTEN_AFTER - timedelta(seconds=1))
    assert not is_closed(admission, NOW + FORGOTTEN_AFTER)


class Table(ClientDouble):
    """The table of checkpoints with this row of the backlog."""

    def __init__(self, **row: Any) -> None:
        self._row = row

    def get_item(self, **_: object) -> dict[str, Any]:
        return {"Item": to_item(self._row)}


@pytest.mark.parametrize(
    "row",
    [
        {"orders": "many", "counted_at": "2026-12-01T08:26:00.000Z"},
        {"orders": 9, "counted_at": "today"},
        {"orders": 9, "counted_at": "2026-12-01T08:26:00"},
        {"orders": 9},
    ],
    ids=str,
)
def test_count_that_cannot_be_read_stops_no_order(row: dict[str, Any]):
    read = BacklogStore("checkpoints", dynamodb=Table(**row)).read

    Admission(read, limit=1).check(datetime(2026, 12, 1, 8, 27, tzinfo=UTC))


def test_count_is_read():
    table = Table(orders=9, counted_at="2026-12-01T08:26:00.000Z")

    found = BacklogStore("checkpoints", dynamodb=table).read()

    assert found == Backlog(orders=9, counted_at=datetime(2026, 12, 1, 8, 26, tzinfo=UTC))

"""Events for changes of stock: one per change, and one per threshold crossed."""

import pytest

from lambdas.contracts.codec import ContractError
from lambdas.inventory.domain import StockLevel, event_for_change
from lambdas.inventory.store import parse_stock_row
from tests.support.inventory_tables import NOW


def stock_level(
    available: int, *, sequence: int = 2, minimum: int = 5, reserved: int = 0
) -> StockLevel:
    return StockLevel(
        sku="A",
        available=available,
        reserved=reserved,
        minimum=minimum,
        sequence=sequence,
        changed_at=NOW,
        cause="ReserveStock/o1",
    )


def event_type(before: StockLevel | None, after: StockLevel) -> str:
    event = event_for_change(before, after)
    assert event is not None
    return event.data.detail_type


@pytest.mark.parametrize(
    ("before", "after", "event"),
    [
        (9, 8, "StockChanged"),
        (9, 5, "StockChanged"),
        (5, 4, "StockBelowMinimum"),
        (4, 1, "StockChanged"),
        (4, 0, "StockSoldOut"),
        (9, 0, "StockSoldOut"),
        (0, 4, "StockChanged"),
        (0, 5, "StockReplenished"),
        (4, 5, "StockReplenished"),
        (1, 4, "StockChanged"),
        (5, 9, "StockChanged"),
        (None, 9, "StockChanged"),
        (None, 4, "StockBelowMinimum"),
    ],
)
def test_change_leads_to_one_event(before: int | None, after: int, event: str):
    old = None if before is None else stock_level(before, sequence=1)

    assert event_type(old, stock_level(after)) == event


@pytest.mark.parametrize(
    ("before", "after", "event"),
    [(9, 4, "StockChanged"), (1, 0, "StockSoldOut"), (0, 1, "StockReplenished")],
)
def test_threshold_without_a_minimum_is_zero(before: int, after: int, event: str):
    assert (
        event_type(stock_level(before, sequence=1, minimum=0), stock_level(after, minimum=0))
        == event
    )


def test_raised_minimum_counts_as_a_crossing():
    assert (
        event_type(stock_level(9, sequence=1), stock_level(12, minimum=20)) == "StockBelowMinimum"
    )
    assert event_type(stock_level(9, sequence=1, minimum=20), stock_level(12)) == "StockReplenished"


def test_event_has_the_whole_stock_and_its_cause():
    event = event_for_change(stock_level(9, sequence=6), stock_level(3, sequence=7, reserved=8))

    assert event is not None
    assert (event.data.available, event.data.reserved, event.data.minimum) == (3, 8, 5)
    assert (event.metadata.subject, event.metadata.sequence) == ("A", 7)
    assert (event.metadata.correlation_id, event.metadata.causation_id) == ("o1", "ReserveStock/o1")
    assert event.metadata.occurred_at == NOW


def test_unchanged_sequence_leads_to_no_event():
    assert event_for_change(stock_level(9), stock_level(9)) is None


def test_row_with_a_missing_column_is_refused():
    with pytest.raises(ContractError, match="cause is missing"):
        parse_stock_row({"sku": "A", "available": 1, "reserved": 0, "minimum": 0, "sequence": 1})

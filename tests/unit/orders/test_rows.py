"""Writing an order into its row, and reading it from there."""

from dataclasses import asdict, fields, replace

import pytest

from lambdas.contracts.codec import ContractError
from lambdas.orders.domain import Hold, HoldState, Order
from lambdas.orders.rows import order_of, row_of
from lambdas.runtime.dynamodb import from_item, to_item
from tests.support.changed_orders import (
    CANCELLED_ORDER,
    CONFIRMED_ORDER,
    LATER,
    ORDER_WITH_DEAD_LETTERS,
    PLACED_ORDER,
    REJECTED_ORDER,
    WISHED_ORDER,
    WITHDRAWN_ORDER,
)
from tests.support.order_requests import placed

FULL_ORDER = replace(
    ORDER_WITH_DEAD_LETTERS,
    claim_owner="execution",
    claimed_by={"execution"},
    claim_until=1,
    cancel_requested_at=LATER,
    open_shard="7",
    check_after=LATER,
    deferred_shard="7",
    deferred_since=LATER,
    deferred_step="TakePayment",
    deferred_error="States.Timeout",
    deferrals=2,
    attention_requested_at=LATER,
    closed_shard="7",
    dedup_bucket="2026-12-01T08:25+00:00 7",
    dedup_key="7",
    duplicate_of="0" * 32,
    holds=(
        Hold(
            cause="c", reason="PaymentDisputed", explanation="x", state=HoldState.LIFTED, at=LATER
        ),
        Hold(cause="d", reason="PaymentDisputed", explanation="y", state=HoldState.HELD, at=LATER),
    ),
    sequence=5,
    out_of_band_events=3,
    completed_compensations=("ReleaseStock",),
)


def test_unknown_columns_are_ignored():
    hold = Hold(cause="c", reason="r", explanation="e", state=HoldState.HELD, at=LATER)
    held = replace(placed(), holds=(hold,))

    assert order_of(row_of(held) | {"colour": "red", "holds": [asdict(hold) | {"by": "a"}]}) == held


@pytest.mark.parametrize(
    "order",
    [
        PLACED_ORDER,
        CONFIRMED_ORDER,
        REJECTED_ORDER,
        ORDER_WITH_DEAD_LETTERS,
        CANCELLED_ORDER,
        WISHED_ORDER,
        WITHDRAWN_ORDER,
        FULL_ORDER,
    ],
)
def test_order_survives_a_round_trip_through_its_row(order: Order):
    kept = from_item(to_item(row_of(order) | {"another_column": 1}))

    assert order_of(kept) == order


def test_full_order_has_every_column():
    assert row_of(FULL_ORDER).keys() == {field.name for field in fields(Order)}


def test_row_has_no_empty_columns():
    empty = {name for name in row_of(FULL_ORDER) if getattr(PLACED_ORDER, name) in (None, ())}

    assert {
        "reason",
        "claim_until",
        "cancel_requested_at",
        "failed_compensations",
        "holds",
        "closed_shard",
    } <= empty
    assert row_of(PLACED_ORDER).keys() & empty == set()
    assert "open_shard" not in row_of(CANCELLED_ORDER)


@pytest.mark.parametrize("number", [-1, 1, 2])
def test_more_events_out_of_band_than_events_are_refused(number: int):
    """The first event would be published again under a number that no event has."""
    with pytest.raises(ContractError, match="out_of_band_events must be"):
        order_of(row_of(PLACED_ORDER) | {"sequence": 1, "out_of_band_events": number})


def test_column_that_is_no_set_is_named():
    with pytest.raises(ContractError, match="claimed_by must be a set, not str"):
        order_of(row_of(PLACED_ORDER) | {"claimed_by": "execution"})

"""Recording that a failed compensation has succeeded since."""

from dataclasses import replace

import pytest

from lambdas.contracts.order_states import OrderState
from lambdas.orders.domain import (
    OrderNotUndoneError,
    complete_compensation,
)
from lambdas.orders.events import event_for_change
from tests.support.order_requests import placed

REJECTED_ORDER = replace(placed(), state=OrderState.REJECTED, sequence=2, open_shard=None)
DEAD_LETTERED = ["ReleaseStock", "RefundPayment"]
ORDER_WITH_DEAD_LETTERS = replace(REJECTED_ORDER, failed_compensations=DEAD_LETTERED, sequence=3)


def test_completed_compensation_is_not_outstanding_and_has_no_event():
    repaired = complete_compensation(ORDER_WITH_DEAD_LETTERS, "RefundPayment")

    assert repaired.outstanding_compensations == ["ReleaseStock"]
    assert event_for_change(ORDER_WITH_DEAD_LETTERS, repaired) is None
    assert complete_compensation(repaired, "ReleaseStock").outstanding_compensations == []


def test_second_completion_changes_nothing():
    repaired = complete_compensation(ORDER_WITH_DEAD_LETTERS, "RefundPayment")

    assert complete_compensation(repaired, "RefundPayment") is repaired
    assert complete_compensation(repaired, None) is repaired


def test_completion_may_precede_the_recorded_failure():
    early = complete_compensation(REJECTED_ORDER, "RefundPayment")

    assert replace(
        early, failed_compensations=DEAD_LETTERED, sequence=3
    ).outstanding_compensations == ["ReleaseStock"]


@pytest.mark.parametrize(
    "state", [OrderState.PLACED, OrderState.CONFIRMED, OrderState.WITHDRAWN, OrderState.DISPATCHED]
)
def test_completion_is_refused_for_an_order_that_was_not_undone(state: OrderState):
    """A later withdrawal may dead-letter the same compensation, which then counts."""
    order = replace(placed(), state=state)

    with pytest.raises(OrderNotUndoneError, match=f"is {state}: RefundPayment is no repair"):
        complete_compensation(order, "RefundPayment")
    assert complete_compensation(order, None) is order

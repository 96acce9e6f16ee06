"""Marking an order as dispatched."""

from dataclasses import replace

import pytest

from lambdas.contracts.order_states import OrderState
from lambdas.contracts.orders import OrderDispatched
from lambdas.orders.cancellation import cancel
from lambdas.orders.domain import Order, UnexpectedDispatchError, dispatch
from lambdas.orders.events import event_for_change
from tests.support.order_requests import placed

LATER = "2026-12-01T09:02:11.893Z"
CONFIRMED_ORDER = replace(placed(), state=OrderState.CONFIRMED, sequence=2, open_shard=None)
WITHDRAWN_ORDER = cancel(CONFIRMED_ORDER, now="2026-12-01T09:00:00Z")


@pytest.mark.parametrize("order", [CONFIRMED_ORDER, WITHDRAWN_ORDER])
def test_dispatch_is_recorded_and_published_once(order: Order):
    dispatched = dispatch(order, now=LATER)

    assert dispatched == replace(
        order,
        state=OrderState.DISPATCHED,
        sequence=order.sequence + 1,
        changed_at=LATER,
        open_shard=None,
        check_after=None,
        closed_shard=order.order_id[0],
        reason=None,
        explanation=None,
    )
    event = event_for_change(order, dispatched)
    assert event is not None
    assert event.data == OrderDispatched(order_id=order.order_id, customer_id="17850")
    assert event.metadata.occurred_at == LATER
    assert dispatch(dispatched, now="later") is dispatched
    assert event_for_change(dispatched, dispatched) is None


def test_withdrawal_saga_that_is_too_late_adds_no_event():
    """Both count from OrderWithdrawn, so the second write has no event."""
    by_event = dispatch(WITHDRAWN_ORDER, now=LATER)
    by_saga = replace(by_event, sequence=WITHDRAWN_ORDER.sequence + 1)

    assert event_for_change(by_event, by_saga) is None


@pytest.mark.parametrize("state", [OrderState.PLACED, OrderState.REJECTED, OrderState.CANCELLED])
def test_dispatch_of_an_order_that_was_not_to_leave_is_an_error(state: OrderState):
    with pytest.raises(UnexpectedDispatchError, match=state):
        dispatch(replace(placed(), state=state), now=LATER)

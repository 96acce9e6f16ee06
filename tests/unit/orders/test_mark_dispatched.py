"""What becomes of an order whose shipment has left."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lambdas.contracts.orders import OrderDispatched, OrderState
from lambdas.contracts.shipping import ShipmentDispatched
from lambdas.orders.cancellation import cancel
from lambdas.orders.domain import Order, UnexpectedDispatchError, dispatch
from lambdas.orders.events import event_for_change
from lambdas.orders.store import Orders
from tests.contracts.catalog import read, sample_of
from tests.unit.orders.requests import placed

LATER = "2026-12-01T09:02:11.893Z"
CONFIRMED_ORDER = replace(placed(), state=OrderState.CONFIRMED, sequence=2, open_shard=None)
WITHDRAWN_ORDER = cancel(CONFIRMED_ORDER, now="2026-12-01T09:00:00Z")


@pytest.mark.parametrize("order", [CONFIRMED_ORDER, WITHDRAWN_ORDER])
def test_it_is_dispatched_and_that_is_told_once(order: Order):
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
    fact = event_for_change(order, dispatched)
    assert fact is not None
    assert fact.data == OrderDispatched(order_id=order.order_id, customer_id="17850")
    assert fact.metadata.occurred_at == LATER
    assert dispatch(dispatched, now="later") is dispatched
    assert event_for_change(dispatched, dispatched) is None


def test_the_saga_that_is_too_late_tells_the_same():
    """Both count from OrderWithdrawn: whoever writes second changes nothing that is told."""
    by_hearing = dispatch(WITHDRAWN_ORDER, now=LATER)
    by_the_saga = replace(by_hearing, sequence=WITHDRAWN_ORDER.sequence + 1)

    assert event_for_change(by_hearing, by_the_saga) is None


@pytest.mark.parametrize("state", [OrderState.PLACED, OrderState.REJECTED, OrderState.CANCELLED])
def test_what_should_have_stayed_is_for_a_person(state: OrderState):
    with pytest.raises(UnexpectedDispatchError, match=state):
        dispatch(replace(placed(), state=state), now=LATER)


class TestHandler:
    @pytest.fixture
    def note(self, load_handler: Callable[..., Any], table: str) -> Callable[[str], Any]:
        handler = load_handler("lambdas.orders.mark_dispatched", ORDERS_TABLE=table)

        def note(order_id: str) -> Any:
            event = read(sample_of(ShipmentDispatched))
            event["detail"]["data"]["order_id"] = order_id
            return handler(event, None)

        return note

    def test_it_notes_the_dispatch_once(self, note: Callable[[str], Any], orders: Orders):
        kept = orders.add(CONFIRMED_ORDER)

        for _ in range(2):
            assert note(kept.order_id) == {
                "order_id": kept.order_id,
                "state": OrderState.DISPATCHED,
            }

        found = orders.find(kept.order_id)
        assert found is not None
        assert (found.state, found.sequence, found.changed_at) == (OrderState.DISPATCHED, 3, LATER)

    def test_an_order_that_is_not_there_is_for_a_person(self, note: Callable[[str], Any]):
        with pytest.raises(UnexpectedDispatchError, match="there is no order"):
            note("0" * 32)

"""The events that follow from changes of an order."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lambdas.contracts.commands import CANCELLED
from lambdas.contracts.envelope import EventEnvelope, envelope, event_id
from lambdas.contracts.event import Event
from lambdas.contracts.order_states import OrderState
from lambdas.contracts.orders import (
    SOURCE,
    OrderCancelled,
    OrderConfirmed,
    OrderDispatched,
    OrderHeld,
    OrderHoldLifted,
    OrderHoldMissed,
    OrderNeedsAttention,
    OrderPlaced,
    OrderRejected,
    OrderWithdrawn,
    explain_cancellation,
)
from lambdas.contracts.values import Money
from lambdas.orders.domain import HoldState, Order

EVENTS_WITHOUT_DETAILS: Mapping[str, Callable[..., Event]] = {
    OrderState.WITHDRAWN: OrderWithdrawn,
    OrderState.DISPATCHED: OrderDispatched,
}
"""The events that carry only the ids of order and customer, by the state they report."""
OUTCOMES: Mapping[type[Event], str] = {
    OrderPlaced: "OrdersPlaced",
    OrderConfirmed: "OrdersConfirmed",
    OrderRejected: "OrdersRejected",
    OrderCancelled: "OrdersCancelled",
    OrderDispatched: "OrdersDispatched",
}
"""The metrics of orders' outcomes, by the event that reports the outcome."""


def count_outcomes(published: Iterable[EventEnvelope[Any]]) -> dict[str, int]:
    """Return how many of the published events report each outcome. Other events are not counted."""
    return dict(Counter(OUTCOMES[kind] for e in published if (kind := type(e.data)) in OUTCOMES))


def event_for_change(before: Order | None, after: Order) -> EventEnvelope[Any] | None:
    """Return the event for a change of an order's row; None if the change has no event.

    The row is its own outbox: each write that has an event increases ``sequence``. The event is
    derived from the change alone, so deriving it again gives the same event with the same id.
    ``before`` is None for a new row, and when a stalled order's last event is published again.
    """
    if before is not None and before.sequence == after.sequence:
        return None
    if before is not None and before.holds != after.holds:
        return _hold_event(before, after)
    requested = after.attention_requested_at
    if before is not None and requested and requested != before.attention_requested_at:
        return _attention_event(after, at=requested)
    # Since an event was first published, out-of-band events may have raised the sequence.
    number = after.sequence if before else after.sequence - after.out_of_band_events
    first = number == 1
    return envelope(
        _state_event(before, after),
        subject=after.order_id,
        sequence=number,
        correlation_id=after.order_id,
        causation_id=after.request_id if first else event_id(SOURCE, after.order_id, 1),
        # Claiming a placed order changes it without an event.
        occurred_at=after.placed_at if first else after.changed_at,
    )


def _attention_event(order: Order, *, at: str) -> EventEnvelope[Any]:
    confirmed = order.state == OrderState.CONFIRMED
    return envelope(
        OrderNeedsAttention(
            order_id=order.order_id,
            customer_id=order.customer_id,
            failed_compensations=(),
            waits_for="dispatch" if confirmed else order.deferred_because or "a saga",
        ),
        subject=order.order_id,
        sequence=order.sequence,
        correlation_id=order.order_id,
        causation_id=event_id(SOURCE, order.order_id, 1),
        occurred_at=at,
    )


def _hold_event(before: Order, after: Order) -> EventEnvelope[Any]:
    (changed,) = (hold for hold in after.holds if hold not in before.holds)
    order = {"order_id": after.order_id, "customer_id": after.customer_id, "reason": changed.reason}
    event: Event
    if changed.state == HoldState.HELD:
        event = OrderHeld(**order, explanation=changed.explanation)
    elif changed.state == HoldState.LIFTED:
        event = OrderHoldLifted(**order)
    else:
        event = OrderHoldMissed(**order, explanation=changed.explanation, state=after.state.value)
    return envelope(
        event,
        subject=after.order_id,
        sequence=after.sequence,
        correlation_id=after.order_id,
        causation_id=changed.cause,
        occurred_at=changed.at,
    )


def _state_event(before: Order | None, after: Order) -> Event:
    if before is not None and before.failed_compensations != after.failed_compensations:
        return OrderNeedsAttention(
            order_id=after.order_id,
            customer_id=after.customer_id,
            failed_compensations=tuple(after.failed_compensations),
        )
    if after.state in EVENTS_WITHOUT_DETAILS:
        return EVENTS_WITHOUT_DETAILS[after.state](
            order_id=after.order_id, customer_id=after.customer_id
        )
    if after.state == OrderState.CANCELLED:
        # Rows that were cancelled before they had a reason were cancelled by their customer.
        reason = after.reason or CANCELLED
        return OrderCancelled(
            order_id=after.order_id,
            customer_id=after.customer_id,
            reason=reason,
            explanation=explain_cancellation(reason),
        )
    if after.state == OrderState.REJECTED:
        return OrderRejected(
            order_id=after.order_id,
            customer_id=after.customer_id,
            reason=after.reason or "",
            explanation=after.customer_explanation,
        )
    kind = {OrderState.PLACED: OrderPlaced, OrderState.CONFIRMED: OrderConfirmed}[after.state]
    return kind(
        order_id=after.order_id,
        customer_id=after.customer_id,
        lines=after.lines,
        total=Money(amount=after.total, currency=after.currency),
        country=after.country,
    )

"""What is told when an order changes."""

from collections.abc import Callable, Mapping
from typing import Any

from lambdas.contracts.event import Event, EventEnvelope, envelope, event_id
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
)
from lambdas.contracts.values import Money, PricedLine
from lambdas.orders.domain import (
    CANCELLED,
    CONFIRMED,
    DISPATCHED,
    HELD,
    LIFTED,
    PLACED,
    REJECTED,
    WITHDRAWN,
    Order,
)

EVENTS_OF_STATE_ONLY: Mapping[str, Callable[..., Event]] = {
    WITHDRAWN: OrderWithdrawn,
    CANCELLED: OrderCancelled,
    DISPATCHED: OrderDispatched,
}
"""What tells of a state and nothing more."""


def event_for_change(before: Order | None, after: Order) -> EventEnvelope[Any] | None:
    """What to tell the others of a change of an order's row; None when there is nothing to tell.

    The row is its own outbox: each write that has something to tell counts ``sequence`` up, so the
    change says all, and saying it again gives the same event.
    """
    if before is not None and before.sequence == after.sequence:
        return None
    if before is not None and before.holds != after.holds:
        return _hold_event(before, after)
    # What is told again was told before the out-of-band events that there have been since.
    number = after.sequence if before else after.sequence - after.out_of_band_events
    first = number == 1
    return envelope(
        _state_event(before, after),
        subject=after.order_id,
        sequence=number,
        correlation_id=after.order_id,
        causation_id=after.request_id if first else event_id(SOURCE, after.order_id, 1),
        # The saga may touch a placed order again before it ends it.
        occurred_at=after.placed_at if first else after.changed_at,
    )


def _hold_event(before: Order, after: Order) -> EventEnvelope[Any]:
    (changed,) = (hold for hold in after.holds if hold not in before.holds)
    order = {"order_id": after.order_id, "customer_id": after.customer_id, "reason": changed.reason}
    event: Event
    if changed.state == HELD:
        event = OrderHeld(**order, explanation=changed.explanation)
    elif changed.state == LIFTED:
        event = OrderHoldLifted(**order)
    else:
        event = OrderHoldMissed(**order, explanation=changed.explanation, state=after.state)
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
    if after.state in EVENTS_OF_STATE_ONLY:
        return EVENTS_OF_STATE_ONLY[after.state](
            order_id=after.order_id, customer_id=after.customer_id
        )
    if after.state == REJECTED:
        return OrderRejected(
            order_id=after.order_id,
            customer_id=after.customer_id,
            reason=after.reason or "",
            explanation=after.customer_explanation,
        )
    kind = {PLACED: OrderPlaced, CONFIRMED: OrderConfirmed}[after.state]
    return kind(
        order_id=after.order_id,
        customer_id=after.customer_id,
        lines=tuple(PricedLine(**line) for line in after.lines),
        total=Money(amount=after.total, currency=after.currency),
        country=after.country,
    )

"""The list of a customer's orders: the attributes that events add, and how an order is shown."""

from collections.abc import Iterable, Mapping
from typing import Any

from lambdas.contracts.codec import encode
from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.event import Event
from lambdas.contracts.order_states import HOLDABLE_STATES, OrderState
from lambdas.contracts.orders import (
    OrderCancelled,
    OrderConfirmed,
    OrderDispatched,
    OrderHeld,
    OrderHoldLifted,
    OrderPlaced,
    OrderRejected,
    OrderWithdrawn,
)
from lambdas.storefront.order_upserts import (
    OrderUpsert,
    event_key,
    events_of,
    upserts_by_order,
)

STATE_BY_EVENT: Mapping[type[Event], str] = {
    OrderPlaced: OrderState.PLACED,
    OrderConfirmed: OrderState.CONFIRMED,
    OrderRejected: OrderState.REJECTED,
    OrderWithdrawn: OrderState.WITHDRAWN,
    OrderCancelled: OrderState.CANCELLED,
    OrderDispatched: OrderState.DISPATCHED,
}
"""The state of an order after each event that changes it."""
CUSTOMER_ORDER_EVENTS: tuple[type[Event], ...] = (*STATE_BY_EVENT, OrderHeld, OrderHoldLifted)
"""The events that change an order in its customer's list."""


def build_order_upserts(events: Iterable[EventEnvelope[Any]]) -> list[OrderUpsert]:
    """Return the attributes that the events add to the rows of their orders."""
    return upserts_by_order(events, _order_attributes)


def _order_attributes(event: EventEnvelope[Any]) -> dict[str, Any]:
    kind = type(event.data)
    if kind in STATE_BY_EVENT:
        details = {"state": STATE_BY_EVENT[kind], "at": event.metadata.occurred_at}
        if isinstance(event.data, OrderCancelled) and event.data.explanation:
            details["explanation"] = event.data.explanation
    else:
        # OrderHoldLifted is published for the last hold only, so a list of holds could be wrong.
        details = {"held": event.data.reason if kind is OrderHeld else ""}
    attributes = {event_key(event): details, "customer_id": event.data.customer_id}
    if isinstance(event.data, OrderPlaced):
        # The index of the list is sparse: it has only orders with this attribute.
        attributes["listing_key"] = f"{event.metadata.occurred_at}#{event.data.order_id}"
        attributes["total"] = encode(event.data.total)
    return attributes


def render_order(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an order as its customer's list shows it.

    A cancelled order has an explanation, if its event has one. A held order is marked as held,
    without a reason: only the orders service knows all holds of an order.
    """
    details = [*events_of(row).values()]
    latest = [each for each in details if "state" in each][-1]
    held = [each["held"] for each in details if "held" in each][-1:]
    shown = {
        "order_id": row["order_id"],
        "state": latest["state"],
        "total": row["total"],
        "placed_at": row["listing_key"].partition("#")[0],
        "changed_at": latest["at"],
    }
    if "explanation" in latest:
        shown["explanation"] = latest["explanation"]
    return shown | ({"held": True} if any(held) and latest["state"] in HOLDABLE_STATES else {})

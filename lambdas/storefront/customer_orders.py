"""The list of a customer's orders."""

from collections.abc import Iterable, Mapping
from typing import Any

from lambdas.contracts.codec import encode
from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.event import Event
from lambdas.contracts.orders import (
    HOLDABLE_STATES,
    OrderCancelled,
    OrderConfirmed,
    OrderDispatched,
    OrderHeld,
    OrderHoldLifted,
    OrderPlaced,
    OrderRejected,
    OrderState,
    OrderWithdrawn,
)
from lambdas.storefront.order_upserts import (
    OrderUpsert,
    event_key,
    sequence_of,
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
    """What the facts add to what customers see of their orders."""
    return upserts_by_order(events, _order_attributes)


def _order_attributes(event: EventEnvelope[Any]) -> dict[str, Any]:
    kind = type(event.data)
    if kind in STATE_BY_EVENT:
        details = {"state": STATE_BY_EVENT[kind], "at": event.metadata.occurred_at}
    else:
        # That one of several holds was lifted is not told, so no list of them could be right.
        details = {"held": event.data.reason if kind is OrderHeld else ""}
    attributes = {event_key(event): details, "customer_id": event.data.customer_id}
    if isinstance(event.data, OrderPlaced):
        # Only with this is the order in its customer's list.
        attributes["placed"] = f"{event.metadata.occurred_at}#{event.data.order_id}"
        attributes["total"] = encode(event.data.total)
    return attributes


def render_order(row: Mapping[str, Any]) -> dict[str, Any]:
    """An order as its customer's list shows it; why it is held is told of the order itself."""
    details = [row[name] for name in sorted((n for n in row if "/" in n), key=sequence_of)]
    latest = [each for each in details if "state" in each][-1]
    held = [each["held"] for each in details if "held" in each][-1:]
    shown = {
        "order_id": row["order_id"],
        "state": latest["state"],
        "total": row["total"],
        "placed_at": row["placed"].partition("#")[0],
        "changed_at": latest["at"],
    }
    return shown | ({"held": True} if any(held) and latest["state"] in HOLDABLE_STATES else {})

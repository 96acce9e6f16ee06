"""The rows of an order, read, and the events that relays publish for their changes, as JSON."""

import json
from functools import cache
from typing import Any

from lambdas.contracts.codec import decode
from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.contracts.payments import PaymentDisputed
from lambdas.contracts.times import format_time
from lambdas.orders import events as order_events
from lambdas.orders.domain import Order
from lambdas.orders.rows import order_of
from lambdas.runtime.dynamodb import from_item
from lambdas.shipping import domain as shipping
from simulation.kernel import START
from simulation.pure_handlers import Rows
from workers.warehouse.domain import order_picked_event, parse_picking

ORDER_ID = "0" * 32


@cache
def order_in(row: str) -> Order:
    """Return the order in a row."""
    return order_of(from_item(json.loads(row)))


@cache
def shipment_in(row: str) -> shipping.Shipment | None:
    """Return the shipment in a row, if there is one."""
    return decode(shipping.Shipment, from_item(json.loads(row))) if row else None


@cache
def state_in(row: str) -> str:
    """Return the state in a row; empty if there is none."""
    return str(json.loads(row)["state"]["S"]) if row else ""


@cache
def has_left(row: str) -> bool:
    """Return whether the shipment in a row was dispatched."""
    shipment = shipment_in(row)
    return shipment is not None and shipment.state == shipping.ShipmentState.DISPATCHED


def published(before: Rows, after: Rows) -> frozenset[str]:
    """Return the events of a change from some rows to others."""
    order = order_event(before.order, after.order)
    shipment = _shipment_event(before.shipment, after.shipment)
    return frozenset({order, shipment} - {""})


@cache
def order_event(before: str, after: str) -> str:
    """Return the event of a change of an order's row; the last event again without ``before``."""
    event = order_events.event_for_change(order_in(before) if before else None, order_in(after))
    return _delivered(event) if event else ""


@cache
def _shipment_event(before: str, after: str) -> str:
    now = shipment_in(after)
    event = shipping.event_for_change(shipment_in(before), now) if now else None
    return _delivered(event) if event else ""


@cache
def type_of(event: str) -> str:
    """Return the detail type of an event."""
    return str(json.loads(event)["detail-type"])


@cache
def picked(confirmed: str) -> str:
    """Return OrderPicked, which follows from OrderConfirmed."""
    return _delivered(order_picked_event(parse_picking(confirmed, now=format_time(START))))


@cache
def dispute(number: int) -> str:
    """Return one of several disputes about the order's charge."""
    name = f"dispute-{number}"
    return _delivered(
        envelope(
            PaymentDisputed(order_id=ORDER_ID, dispute_id=name, reason="fraudulent"),
            subject=name,
            sequence=1,
            correlation_id=ORDER_ID,
            causation_id=name,
            occurred_at=format_time(START),
        )
    )


@cache
def simplified(row: str) -> str:
    """Return an order's row without what only people read, or sets the pace."""
    item = json.loads(row)
    fixed = {
        "claimed_by": {"SS": ["earlier"]},
        "deferrals": {"N": "1"},
        "deferred_step": {"S": "a task"},
        "deferred_error": {"S": "an error"},
        "explanation": {"S": "why"},
    }
    return json.dumps(item | {k: v for k, v in fixed.items() if k in item}, sort_keys=True)


@cache
def expired(row: str) -> str:
    """Return an order's row once the lease of its claim has ended."""
    return json.dumps(json.loads(row) | {"claim_until": {"N": "0"}}, sort_keys=True)


def _delivered(event: EventEnvelope[Any]) -> str:
    """Return an event as EventBridge delivers it."""
    kind = {"source": event.data.source, "detail-type": event.data.detail_type}
    return json.dumps(kind | {"detail": event.detail})

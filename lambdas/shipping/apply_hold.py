"""On OrderHeld and OrderHoldLifted: hold the order's shipment, or allow its dispatch again."""

from functools import partial
from typing import Any

from lambdas.contracts.orders import OrderHeld, OrderHoldLifted
from lambdas.contracts.parsing import parse_event
from lambdas.runtime.aws import client
from lambdas.runtime.clock import current_time
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.shipping.domain import apply_hold
from lambdas.shipping.store import Shipments

HOLD_EVENTS: tuple[type[OrderHeld | OrderHoldLifted], ...] = (OrderHeld, OrderHoldLifted)
shipments = Shipments(setting("SHIPMENTS_TABLE"), dynamodb=client("dynamodb"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the shipment's state. It is DISPATCHED if the hold came too late."""
    received = parse_event(HOLD_EVENTS, event)
    order_id, held = received.data.order_id, isinstance(received.data, OrderHeld)
    change = partial(
        apply_hold,
        order_id=order_id,
        held=held,
        sequence=received.metadata.sequence,
        cause=received.metadata.event_id,
        now=current_time(),
    )
    state = shipments.update(order_id, change=change).state
    log("hold_applied", order_id=order_id, held=held, state=state)
    return {"order_id": order_id, "state": state}

"""On OrderPicked: dispatch the order's shipment, unless it is held or was cancelled."""

from functools import partial
from typing import Any

from lambdas.contracts.parsing import parse_event
from lambdas.contracts.warehouse import OrderPicked
from lambdas.runtime.aws import client
from lambdas.runtime.clock import current_time
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.shipping.domain import mark_picked, require_shipment
from lambdas.shipping.store import Shipments

shipments = Shipments(setting("SHIPMENTS_TABLE"), dynamodb=client("dynamodb"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the shipment: DISPATCHED; BOOKED if it is held; or CANCELLED.

    Raises:
        NoShipmentError: the order has no shipment, or it was refused.
    """
    picked = parse_event([OrderPicked], event)
    order_id, now = picked.data.order_id, current_time()
    change = partial(mark_picked, cause=picked.metadata.event_id, now=now)
    shipment = require_shipment(shipments.update(order_id, change=change), order_id)
    log("shipment_dispatch_decided", order_id=order_id, state=shipment.state, held=shipment.held)
    return {"order_id": order_id, "shipment_id": shipment.shipment_id, "state": shipment.state}

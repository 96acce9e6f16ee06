"""CancelShipment, the compensation of BookShipment."""

from typing import Any

from lambdas.contracts.shipping import CancelShipment
from lambdas.runtime.aws import client
from lambdas.runtime.clock import current_time
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.shipping.domain import refuse_unless_cancelled
from lambdas.shipping.store import Shipments

shipments = Shipments(setting("SHIPMENTS_TABLE"), dynamodb=client("dynamodb"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the shipment: CANCELLED, or REFUSED if no carrier had accepted it.

    Raises:
        ShipmentAlreadyDispatched: it is too late to cancel it.
    """
    command = CancelShipment.decode(event)
    shipment = shipments.cancel(command.order_id, now=current_time())
    log("shipment_cancellation_decided", order_id=shipment.order_id, state=shipment.state)
    refuse_unless_cancelled(shipment)
    return {
        "order_id": shipment.order_id,
        "shipment_id": shipment.shipment_id,
        "state": shipment.state,
    }

"""BookShipment, the saga's last action before the order is confirmed."""

from typing import Any

from lambdas.contracts.shipping import BookShipment
from lambdas.runtime.aws import client
from lambdas.runtime.clock import current_time
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.shipping.domain import plan_shipment, refuse_unless_booked
from lambdas.shipping.store import Shipments

shipments = Shipments(setting("SHIPMENTS_TABLE"), dynamodb=client("dynamodb"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the booked shipment.

    Raises:
        AddressUndeliverable: no carrier delivers to the order's country.
        ShipmentAlreadyCancelled: the shipment was cancelled, perhaps before it was booked.
    """
    command = BookShipment.decode(event)
    shipment = shipments.book(plan_shipment(command, now=current_time()))
    log("shipment_booking_decided", order_id=shipment.order_id, state=shipment.state)
    refuse_unless_booked(shipment)
    return {
        "order_id": shipment.order_id,
        "shipment_id": shipment.shipment_id,
        "state": shipment.state,
    }

"""An order was picked: its shipment leaves, unless it was cancelled before."""

from datetime import UTC, datetime
from typing import Any

from lambdas.contracts.event import hear
from lambdas.contracts.warehouse import OrderPicked
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.shipping.domain import check_dispatch
from lambdas.shipping.store import Shipments

shipments = Shipments(setting("SHIPMENTS_TABLE"), dynamodb=client("dynamodb"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer DISPATCHED, or CANCELLED; raise NoShipmentError where there is none to dispatch."""
    fact = hear(OrderPicked, event["detail"])
    order_id, now = fact.data.order_id, datetime.now(UTC).isoformat()
    found = shipments.dispatch(order_id, cause=fact.metadata.event_id, now=now)
    shipment = check_dispatch(found, order_id)
    log("shipment to be dispatched", order_id=order_id, state=shipment.state)
    return {"order_id": order_id, "shipment_id": shipment.shipment_id, "state": shipment.state}

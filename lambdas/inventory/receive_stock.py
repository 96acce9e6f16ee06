"""Goods have arrived: put them on the shelf."""

from datetime import UTC, datetime
from typing import Any

from lambdas.contracts.inventory import ReceiveStock
from lambdas.inventory.domain import Delivery, lines_by_sku
from lambdas.inventory.store import Deliveries
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

deliveries = Deliveries(
    setting("DELIVERIES_TABLE"), stock_table=setting("STOCK_TABLE"), dynamodb=client("dynamodb")
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer RECEIVED, the second time as well, when nothing is added any more."""
    command = ReceiveStock.decode(event)
    delivery = Delivery(
        delivery_id=command.delivery_id,
        lines=lines_by_sku(command),
        received_at=datetime.now(UTC).isoformat(),
    )
    deliveries.receive(delivery)
    log("stock received", delivery_id=delivery.delivery_id, skus=len(delivery.lines))
    return {"delivery_id": delivery.delivery_id, "state": "RECEIVED"}

"""ReceiveStock: add a delivery to the stock, or write units off."""

from typing import Any

from lambdas.contracts.inventory import ReceiveStock
from lambdas.inventory.deliveries import Deliveries
from lambdas.inventory.domain import plan_delivery
from lambdas.runtime.aws import client
from lambdas.runtime.clock import current_time
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

deliveries = Deliveries(
    setting("DELIVERIES_TABLE"), stock_table=setting("STOCK_TABLE"), dynamodb=client("dynamodb")
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return RECEIVED. A repeated command adds nothing and returns the same.

    Raises:
        ContractError: the command is invalid, or its id is that of a delivery of other goods.
        OutOfStock: fewer units are available than are to be written off.
    """
    command = ReceiveStock.decode(event)
    received = plan_delivery(command, received_at=current_time())
    deliveries.receive(received)
    log("stock_received", delivery_id=received.delivery_id, skus=len(received.lines))
    return {"delivery_id": received.delivery_id, "state": "RECEIVED"}

"""On schedule: the supplier delivers what is due."""

from datetime import UTC, datetime
from typing import Any

from lambdas.purchasing.store import PurchaseOrders
from lambdas.purchasing.supplier import Supplier
from lambdas.runtime.aws import client
from lambdas.runtime.settings import setting

supplier = Supplier(
    PurchaseOrders(setting("PURCHASE_ORDERS_TABLE"), dynamodb=client("dynamodb")),
    receive_stock=setting("RECEIVE_STOCK_FUNCTION"),
    functions=client("lambda"),
)


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Deliver; return how many orders that were, or fail naming those that were not delivered."""
    return {"delivered": supplier.deliver(now=datetime.now(UTC).isoformat())}

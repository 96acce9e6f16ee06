"""On schedule: have the simulated supplier deliver what is due."""

from datetime import UTC, datetime
from typing import Any

from botocore.config import Config

from lambdas.contracts.times import format_time
from lambdas.purchasing.store import PurchaseOrders
from lambdas.purchasing.supplier import Supplier
from lambdas.runtime.aws import CONFIG, client
from lambdas.runtime.settings import setting

# Inventory may take 6 s, as on a cold start. With a shorter time-out, a delivery that succeeds
# would count as failed. One attempt: the next run tries again.
INVOKE_CONFIG = CONFIG.merge(
    Config(read_timeout=7, retries={"mode": "standard", "total_max_attempts": 1})
)

supplier = Supplier(
    PurchaseOrders(setting("PURCHASE_ORDERS_TABLE"), dynamodb=client("dynamodb")),
    receive_stock=setting("RECEIVE_STOCK_FUNCTION"),
    functions=client("lambda", INVOKE_CONFIG),
)


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Return how many orders were delivered; raise DeliveryFailedError if some were not."""
    return {"delivered": supplier.deliver(now=format_time(datetime.now(UTC)))}

"""On schedule: send open purchase orders to the supplier, and receive what it has delivered."""

from typing import Any

from botocore.config import Config

from lambdas.purchasing.follow_up import FollowUp
from lambdas.purchasing.lambda_supplier import LambdaSupplier
from lambdas.purchasing.store import PurchaseOrders
from lambdas.runtime.aws import CONFIG, client
from lambdas.runtime.clock import current_time
from lambdas.runtime.settings import setting

# A called function may take up to 6 s at a cold start. With a shorter time-out, a call that
# succeeds would count as failed. boto3 makes one attempt: the next run tries again.
INVOKE_CONFIG = CONFIG.merge(
    Config(read_timeout=7, retries={"mode": "standard", "total_max_attempts": 1})
)

functions = client("lambda", INVOKE_CONFIG)
follow_up = FollowUp(
    PurchaseOrders(setting("PURCHASE_ORDERS_TABLE"), dynamodb=client("dynamodb")),
    supplier=LambdaSupplier(setting("SUPPLIER_FUNCTION"), functions=functions),
    receive_stock=setting("RECEIVE_STOCK_FUNCTION"),
    functions=functions,
)


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Return how many orders were delivered; raise FollowUpFailedError if some failed."""
    return {"delivered": follow_up.run(now=current_time())}

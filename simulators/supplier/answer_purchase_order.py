"""The supplier's API: takes a purchase order, and answers whether it has been delivered.

  {"purchase_order_id", "sku", "quantity", "ordered_at"}
  → {"state": "CONFIRMED", "due_at"} | {"state": "DELIVERED"}

The supplier keeps no record: everything it needs is in the request.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.contracts.codec import decode
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from simulators.supplier.domain import PurchaseOrder, answer

LEAD_TIME = timedelta(seconds=float(setting("LEAD_TIME_SECONDS")))


def handler(event: dict[str, Any], context: object) -> dict[str, str]:
    """Answer a purchase order; raise ContractError or ValueError if it is invalid."""
    order = decode(PurchaseOrder, event)
    response = answer(order, now=datetime.now(UTC), lead_time=LEAD_TIME)
    log("supplier_answered", purchase_order_id=order.purchase_order_id, state=response["state"])
    return response

"""The simulator's rule: an order is delivered when the lead time is over."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from lambdas.contracts.times import format_time


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseOrder:
    """An order as the platform sends it."""

    purchase_order_id: str
    sku: str
    quantity: int
    ordered_at: str
    """UTC, ISO 8601."""


def answer(order: PurchaseOrder, *, now: datetime, lead_time: timedelta) -> dict[str, str]:
    """Return whether the order has been delivered; if not, when it will be.

    The same order gets the same date however often it is sent, because the date counts from
    ``ordered_at``. Raises ValueError if that is no time.
    """
    due_at = datetime.fromisoformat(order.ordered_at) + lead_time
    if now < due_at:
        return {"state": "CONFIRMED", "due_at": format_time(due_at)}
    return {"state": "DELIVERED"}

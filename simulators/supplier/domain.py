"""The supplier's rule: an order is delivered when its lead time is over."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from lambdas.contracts.times import format_time


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseOrder:
    """A purchase order as the platform sends it."""

    purchase_order_id: str
    sku: str
    quantity: int
    ordered_at: str
    """UTC, ISO 8601."""


def answer(order: PurchaseOrder, *, now: datetime, lead_time: timedelta) -> dict[str, str]:
    """Return whether the order has been delivered, or when it will be.

    The date counts from ``ordered_at``, so it is the same however often the order is sent. Raises
    ValueError if ``ordered_at`` is no time.
    """
    due_at = datetime.fromisoformat(order.ordered_at) + lead_time
    if now < due_at:
        return {"state": "CONFIRMED", "due_at": format_time(due_at)}
    return {"state": "DELIVERED"}

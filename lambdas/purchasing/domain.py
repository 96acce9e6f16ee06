"""What is ordered from the supplier when stock runs low, and when it arrives."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from lambdas.contracts.envelope import EventEnvelope, event_id
from lambdas.contracts.inventory import (
    SOURCE,
    DeliveredLine,
    ReceiveStock,
    StockBelowMinimum,
    StockSoldOut,
)

LowStockEvent = StockBelowMinimum | StockSoldOut
LOW_STOCK_EVENTS: tuple[type[LowStockEvent], ...] = (StockBelowMinimum, StockSoldOut)
OPEN, DELIVERED, REFUSED = "OPEN", "DELIVERED", "REFUSED"
SUPPLIER = "supplier"


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseOrder:
    """What was ordered of one SKU because its stock crossed a threshold once.

    It begins as OPEN and becomes DELIVERED, or REFUSED where inventory did not take the goods, for
    the reason in ``explanation``. ``awaiting`` is there as long as it is open: the index finds it
    by that. Times are UTC, ISO 8601.
    """

    purchase_order_id: str
    sku: str
    quantity: int
    state: str
    raised_at: str
    due_at: str
    changed_at: str
    explanation: str = ""
    awaiting: str | None = None


def plan_purchase_order(
    event: EventEnvelope[LowStockEvent], *, now: datetime, lead_time: timedelta
) -> PurchaseOrder:
    """The one order that a crossing of a threshold leads to, however often it is heard of.

    Each threshold orders as much as the minimum: sold out, twice that is on its way. So whatever
    arrives lifts a SKU from anywhere below to its minimum, and the threshold can be crossed again.
    """
    return PurchaseOrder(
        purchase_order_id=event_id(SOURCE, event.data.sku, event.metadata.sequence),
        sku=event.data.sku,
        quantity=max(event.data.minimum, 1),
        state=OPEN,
        raised_at=now.isoformat(),
        due_at=(now + lead_time).isoformat(),
        changed_at=now.isoformat(),
        awaiting=SUPPLIER,
    )


def delivery_command(order: PurchaseOrder) -> ReceiveStock:
    """What inventory is asked to put on the shelf: once, as the delivery's id is the order's."""
    return ReceiveStock(
        delivery_id=f"purchase-order/{order.purchase_order_id}",
        lines=(DeliveredLine(sku=order.sku, quantity=order.quantity),),
    )

"""Decisions about purchase orders: the quantity to order, and the command to receive the goods."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from lambdas.contracts.bounds import TextBounds
from lambdas.contracts.envelope import EventEnvelope, event_id
from lambdas.contracts.inventory import (
    SOURCE,
    DeliveredLine,
    ReceiveStock,
    StockBelowMinimum,
    StockSoldOut,
)
from lambdas.contracts.times import format_time
from lambdas.contracts.values import Identifier, Quantity, Sku

LowStockEvent = StockBelowMinimum | StockSoldOut
LOW_STOCK_EVENTS: tuple[type[LowStockEvent], ...] = (StockBelowMinimum, StockSoldOut)
SUPPLIER = "supplier"


class PurchaseOrderState(StrEnum):
    """The states of a purchase order."""

    OPEN = "OPEN"
    """The supplier has not delivered yet."""
    DELIVERED = "DELIVERED"
    """Inventory has received the goods. Final."""
    REFUSED = "REFUSED"
    """Inventory has refused the goods. Final."""
    COVERED = "COVERED"
    """Never sent: another one of the same SKU and threshold was on its way. Final."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseOrder:
    """An order of one SKU, raised when its stock crossed a threshold. Times are UTC, ISO 8601."""

    purchase_order_id: Identifier
    sku: Sku
    quantity: Quantity
    state: PurchaseOrderState
    raised_at: str
    check_after: str
    """When to send the order to the supplier: at once, and again when it will be delivered."""
    changed_at: str
    """When ``state`` changed last."""
    threshold: Annotated[str, TextBounds(maximum=100)] = ""
    """The type of the event that it was raised for; empty in orders of older releases."""
    explanation: str = ""
    """Why inventory refused the goods, or which order is on its way instead."""
    awaiting: str | None = None
    """The supplier's name while the order is open: the key of the index of open orders."""
    sent_at: str | None = None
    """When it was first tried to send it to the supplier."""
    receiving_at: str | None = None
    """When it was first tried to add the goods to the stock."""


def plan_purchase_order(event: EventEnvelope[LowStockEvent], *, now: datetime) -> PurchaseOrder:
    """Return the purchase order for a SKU's stock event. A repeated event gives the same order.

    There are two thresholds: below the minimum, and sold out. Each orders as much as the minimum,
    so twice that is ordered when a SKU sells out. A delivery then lifts the stock to its minimum or
    above, so that each threshold can be crossed again. For crossings before that, such as after
    cancellations, nothing more is ordered: see ``PurchaseOrders.claim``.
    """
    return PurchaseOrder(
        purchase_order_id=event_id(SOURCE, event.data.sku, event.metadata.sequence),
        sku=event.data.sku,
        quantity=max(event.data.minimum, 1),
        state=PurchaseOrderState.OPEN,
        raised_at=format_time(now),
        check_after=format_time(now),
        changed_at=format_time(now),
        threshold=event.data.detail_type,
        awaiting=SUPPLIER,
    )


def delivery_command(order: PurchaseOrder) -> ReceiveStock:
    """Return the command to inventory.

    Its delivery id is made from the order's id: it counts once.
    """
    return ReceiveStock(
        delivery_id=f"purchase-order/{order.purchase_order_id}",
        lines=(DeliveredLine(sku=order.sku, quantity=order.quantity),),
    )

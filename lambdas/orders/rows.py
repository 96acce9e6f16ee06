"""The conversion of orders to rows of the table, and back."""

from collections.abc import Mapping
from typing import Any

from lambdas.contracts.codec import encode, read_row, unreadable
from lambdas.contracts.orders_table import EXPIRED_AT, OrderColumn
from lambdas.orders.domain import Order


def row_of(order: Order) -> dict[str, Any]:
    """Return the order's row. Fields without a value are left out."""
    return {name: value for name, value in encode(order).items() if value not in (None, ())}


def tombstone_of(order: Order, *, at: str) -> dict[str, Any]:
    """Return the row that replaces an expired order.

    It keeps the order's id from being used again.
    """
    return {"order_id": order.order_id, EXPIRED_AT: at}


def is_tombstone(row: Mapping[str, Any]) -> bool:
    """Whether the row is the tombstone of an expired order.

    An order that somebody gave the column is still an order.
    """
    return EXPIRED_AT in row and OrderColumn.STATE not in row


def order_of(row: Mapping[str, Any]) -> Order:
    """Return the order in a row. Unknown columns of the row, or of a hold, are ignored.

    Raises:
        UnreadableRowError: naming every column that is missing or of a wrong type.
    """
    order = read_row(Order, row, "order_id")
    if not 0 <= order.out_of_band_events < order.sequence:
        problem = f"out_of_band_events must be from 0 to below sequence, {order.sequence}"
        raise unreadable(Order, row, "order_id", problems=[problem])
    return order

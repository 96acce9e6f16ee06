"""Between an order and its row in the table."""

from collections.abc import Mapping
from typing import Any

from lambdas.contracts.codec import decode, encode
from lambdas.contracts.orders_table import EXPIRED_AT
from lambdas.orders.domain import Order


def row_of(order: Order) -> dict[str, Any]:
    """Return the order's row. Fields without a value are left out."""
    return {name: value for name, value in encode(order).items() if value not in (None, ())}


def tombstone_of(order: Order, *, at: str) -> dict[str, Any]:
    """Return the row that stays of an order which expired; it keeps the order's id from use."""
    return {"order_id": order.order_id, EXPIRED_AT: at}


def is_tombstone(row: Mapping[str, Any]) -> bool:
    """Whether the row is what stays of an order which expired."""
    return EXPIRED_AT in row


def order_of(row: Mapping[str, Any]) -> Order:
    """Return the order in a row. Unknown columns of the row, or of a hold, are ignored.

    Raises:
        ContractError: naming every column that is missing or of a wrong type.
    """
    return decode(Order, row)

"""Between an order and its row in the table."""

from collections.abc import Mapping
from typing import Any

from lambdas.contracts.codec import decode, encode
from lambdas.orders.domain import Order


def row_of(order: Order) -> dict[str, Any]:
    """Return the order's row. Fields without a value are left out."""
    return {name: value for name, value in encode(order).items() if value not in (None, ())}


def order_of(row: Mapping[str, Any]) -> Order:
    """Return the order in a row. Unknown columns of the row, or of a hold, are ignored.

    Raises:
        ContractError: naming every column that is missing or of a wrong type.
    """
    return decode(Order, row)

"""An order as a row of its table, and back."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from lambdas.orders.domain import Hold, Order


def row_of(order: Order) -> dict[str, Any]:
    """Return the order as a row, without the attributes that it does not have."""
    return {name: value for name, value in asdict(order).items() if value not in (None, ())}


def order_of(row: Mapping[str, Any]) -> Order:
    """Return the order of a row; attributes that belong to no order or hold are ignored."""
    columns = _known(Order, row)
    holds = tuple(Hold(**_known(Hold, hold)) for hold in columns.pop("holds", ()))
    return Order(**columns, holds=holds)


def _known(kind: type[Order | Hold], row: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in row.items() if name in names}

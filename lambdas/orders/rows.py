"""Between an order and its row in the table."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from lambdas.contracts.orders import OrderState
from lambdas.orders.domain import Hold, HoldState, Order


def row_of(order: Order) -> dict[str, Any]:
    """Return the order's row. Fields without a value are left out."""
    return {name: value for name, value in asdict(order).items() if value not in (None, ())}


def order_of(row: Mapping[str, Any]) -> Order:
    """Return the order in a row. Unknown columns of the row, or of a hold, are ignored."""
    columns = _known(Order, row)
    columns["state"] = OrderState(columns.get("state", ""))
    columns["holds"] = tuple(_hold_of(hold) for hold in columns.get("holds", ()))
    return Order(**columns)


def _hold_of(row: Mapping[str, Any]) -> Hold:
    columns = _known(Hold, row)
    columns["state"] = HoldState(columns.get("state", ""))
    return Hold(**columns)


def _known(kind: type[Order | Hold], row: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in row.items() if name in names}

"""The orders' table: one row an order, which is at the same time the outbox of its events."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from lambdas.orders.domain import KeyReusedError, Order, is_order_id
from lambdas.runtime.items import from_item, put_new, to_item


class Orders:
    """The table of orders, keyed by ``order_id``."""

    def __init__(self, table: str, *, dynamodb: Any) -> None:
        """``table`` is its name, ``dynamodb`` boto3's client."""
        self._table = table
        self._dynamodb = dynamodb

    def add(self, order: Order) -> Order:
        """Keep a new order, or find the one that the same request made before.

        Raises:
            KeyReusedError: there is another order under this key.
        """
        kept = order_of(put_new(self._dynamodb, self._table, row_of(order), key="order_id"))
        if not kept.same_request_as(order):
            raise KeyReusedError("this Idempotency-Key was used for a different order")
        return kept

    def find(self, order_id: str, *, customer_id: str) -> Order | None:
        """The customer's order as it stands now; None also for an order of somebody else."""
        if not is_order_id(order_id):
            return None
        answer = self._dynamodb.get_item(
            TableName=self._table, Key=to_item({"order_id": order_id}), ConsistentRead=True
        )
        order = order_of(from_item(answer["Item"])) if "Item" in answer else None
        return order if order and order.customer_id == customer_id else None


def row_of(order: Order) -> dict[str, Any]:
    """The order as the table keeps it: what it does not have is left out."""
    return {name: value for name, value in asdict(order).items() if value not in (None, ())}


def order_of(row: Mapping[str, Any]) -> Order:
    """The order that a row tells; columns that are not an order's are passed over."""
    known = {field.name for field in fields(Order)}
    return Order(**{name: value for name, value in row.items() if name in known})

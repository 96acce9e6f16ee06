"""The orders' table: one row an order, which is at the same time the outbox of its events."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, fields
from typing import Any

from lambdas.orders.domain import SHARDS, Hold, KeyReusedError, Order, is_order_id
from lambdas.runtime.items import from_item, put_new, put_over, to_item

ATTEMPTS = 5
GUARDS = (
    "state",
    "sequence",
    "changed_at",
    "claim_owner",
    "claim_until",
    "cancel_requested_at",
    "repaired",
    "holds",
)
"""Every other write of a row changes one of these."""


class BusyError(Exception):
    """Others changed the order in between, again and again."""


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

    def find(self, order_id: str, *, customer_id: str | None = None) -> Order | None:
        """The order as it stands now; None also for one of somebody else than that customer."""
        if not is_order_id(order_id):
            return None
        answer = self._dynamodb.get_item(
            TableName=self._table, Key=to_item({"order_id": order_id}), ConsistentRead=True
        )
        order = order_of(from_item(answer["Item"])) if "Item" in answer else None
        return order if order and customer_id in (None, order.customer_id) else None

    def update(
        self, order_id: str, *, customer_id: str | None = None, change: Callable[[Order], Order]
    ) -> Order | None:
        """Change the order, that customer's if one is given, and return it; None if there is none.

        Raises:
            BusyError: others changed it again and again meanwhile.
        """
        for _ in range(ATTEMPTS):
            before = self.find(order_id, customer_id=customer_id)
            if before is None:
                return None
            after = change(before)
            if after == before or self._put(before, after):
                return after
        raise BusyError(f"order {order_id} is being changed by others; try again")

    def unfinished(self, *, placed_before: str, most: int = 100) -> Iterator[Order]:
        """Orders that have not come to their end, the oldest of each shard first.

        ``placed_before`` is a time, UTC and ISO 8601; ``most`` bounds what a shard gives.
        """
        for shard in range(SHARDS):
            keys = self._dynamodb.query(
                TableName=self._table,
                IndexName="unfinished",
                KeyConditionExpression="unfinished = :shard AND placed_at < :before",
                ExpressionAttributeValues=to_item(
                    {":shard": f"{shard:02}", ":before": placed_before}
                ),
                Limit=most,
            )
            for key in keys["Items"]:
                answer = self._dynamodb.get_item(
                    TableName=self._table, Key={"order_id": key["order_id"]}, ConsistentRead=True
                )
                # The index is a moment late: the order may be gone.
                if "Item" in answer:
                    yield order_of(from_item(answer["Item"]))

    def _put(self, before: Order, after: Order) -> bool:
        rows = row_of(before), row_of(after)
        return put_over(self._dynamodb, self._table, *rows, guards=GUARDS)


def row_of(order: Order) -> dict[str, Any]:
    """The order as the table keeps it: what it does not have is left out."""
    return {name: value for name, value in asdict(order).items() if value not in (None, ())}


def order_of(row: Mapping[str, Any]) -> Order:
    """The order that a row tells; columns that are not an order's are passed over."""
    known = {field.name for field in fields(Order)}
    columns = {name: value for name, value in row.items() if name in known}
    holds = tuple(Hold(**hold) for hold in columns.pop("holds", ()))
    return Order(**columns, holds=holds)

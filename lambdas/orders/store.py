"""The table of orders. A row is an order, and at the same time the outbox of its events."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from lambdas.orders.domain import KeyReusedError, Order, is_order_id
from lambdas.orders.rows import order_of, row_of
from lambdas.runtime.dynamodb import (
    delete_if_unchanged,
    from_item,
    put_if_absent,
    put_if_unchanged,
    to_item,
)
from lambdas.runtime.errors import ConcurrentUpdateError
from lambdas.runtime.retry import RetryPolicy

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


RETRY = RetryPolicy(max_attempts=5)
VERSION_ATTRIBUTES = (
    "state",
    "sequence",
    "changed_at",
    "claim_owner",
    "claim_until",
    "cancel_requested_at",
    "completed_compensations",
    "holds",
    "check_after",
    "duplicate_of",
)
"""Every write of a row changes at least one of these."""


class Orders:
    """The table of orders, keyed by ``order_id``: reads and writes of single rows."""

    def __init__(self, table: str, *, dynamodb: "DynamoDBClient") -> None:
        """``table`` is the table's name, ``dynamodb`` boto3's client."""
        self._table = table
        self._dynamodb = dynamodb

    def add(self, order: Order) -> Order:
        """Store a new order; return it, or the stored one if this is a retry.

        Raises:
            KeyReusedError: the key was used for a different order.
        """
        stored = order_of(put_if_absent(self._dynamodb, self._table, row_of(order), key="order_id"))
        return _same_request(stored, order)

    def find_retried(self, order: Order) -> Order | None:
        """Return the order that is stored under this one's key; None if there is none.

        Raises:
            KeyReusedError: the key was used for a different order.
        """
        stored = self.find(order.order_id)
        return _same_request(stored, order) if stored else None

    def find(self, order_id: str, *, customer_id: str | None = None) -> Order | None:
        """Return the order as it is now; None if there is none, or none of that customer."""
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
        """Apply ``change`` and return the order; None if there is none, or none of that customer.

        Raises:
            ConcurrentUpdateError: others changed the order during each attempt.
        """
        for _ in RETRY.attempts():
            before = self.find(order_id, customer_id=customer_id)
            if before is None:
                return None
            after = change(before)
            if after == before or self.replace(before, after):
                return after
        raise ConcurrentUpdateError(f"order {order_id} is being changed by others; try again")

    def replace(self, before: Order, after: Order) -> bool:
        """Write ``after`` if the row still is ``before``; return whether it was."""
        rows = row_of(before), row_of(after)
        return put_if_unchanged(
            self._dynamodb, self._table, *rows, version_attributes=VERSION_ATTRIBUTES
        )

    def remove(self, order: Order) -> bool:
        """Delete the order if its row is unchanged; return whether it was."""
        row = row_of(order)
        return delete_if_unchanged(
            self._dynamodb, self._table, row, key="order_id", version_attributes=VERSION_ATTRIBUTES
        )


def _same_request(stored: Order, order: Order) -> Order:
    """Return the stored order; raise KeyReusedError if ``order`` is of another request."""
    if not stored.same_request_as(order):
        raise KeyReusedError("this Idempotency-Key was used for a different order")
    return stored

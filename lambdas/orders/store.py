"""The table of orders. A row is an order, and at the same time the outbox of its events."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lambdas.orders.domain import KeyReusedError, Order, is_order_id
from lambdas.orders.rows import is_tombstone, order_of, row_of, tombstone_of
from lambdas.runtime.dynamodb import (
    from_item,
    put_if_item_unchanged,
    to_item,
)
from lambdas.runtime.errors import ConcurrentUpdateError
from lambdas.runtime.retry import RetryPolicy
from lambdas.runtime.transactions import is_transient

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


RETRY = RetryPolicy(max_attempts=5)
BUSY_RETRY = RetryPolicy(max_attempts=4, base_delay=0.02)
"""Waits at most 0.14 s altogether for the transaction of a repeated request to place an order."""
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

    def find_retried(self, order: Order) -> Order | None:
        """Return the stored order with the same id, if there is one: ``order`` is a retry of it.

        Raises:
            KeyReusedError: the key was used for a different order, or for one that has expired.
        """
        stored = self._row(order.order_id)
        return same_request(stored, order) if stored else None

    def find(self, order_id: str, *, customer_id: str | None = None) -> Order | None:
        """Return the order; None if it does not exist, has expired, or is another customer's.

        Raises:
            UnreadableRowError: it is this customer's, and its row cannot be read.
        """
        row = self._row(order_id) if is_order_id(order_id) else None
        if row is None or is_tombstone(row):
            return None
        if customer_id not in (None, row.get("customer_id")):
            return None
        return order_of(row)

    def update(
        self, order_id: str, *, customer_id: str | None = None, change: Callable[[Order], Order]
    ) -> Order | None:
        """Apply ``change`` to the order and return it; None if ``find`` would return None.

        Raises:
            ConcurrentUpdateError: each attempt met a concurrent change of the order.
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
        """Write ``after`` if the row still equals ``before``; return whether it was written.

        Raises:
            UnreadableRowError: the row could not be read again. It is not written.
        """
        new = row_of(after)
        order_of(new)
        return self._replace(before, new)

    def expire(self, order: Order, *, at: str) -> bool:
        """Replace the order by its tombstone if its row is unchanged; return whether it was."""
        return self._replace(order, tombstone_of(order, at=at))

    def _replace(self, before: Order, new: Mapping[str, Any]) -> bool:
        if self._put_if_unchanged(to_item(row_of(before)), new):
            return True
        # Perhaps somebody edited the row, so that it has the same order in another form.
        item = self._item(before.order_id)
        same = item and not is_tombstone(item) and order_of(from_item(item)) == before
        return bool(same) and self._put_if_unchanged(item, new)

    def _put_if_unchanged(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        return BUSY_RETRY.call(
            lambda: put_if_item_unchanged(
                self._dynamodb, self._table, old, new, version_attributes=VERSION_ATTRIBUTES
            ),
            is_transient=is_transient,
        )

    def _row(self, order_id: str) -> dict[str, Any] | None:
        item = self._item(order_id)
        return from_item(item) if item else None

    def _item(self, order_id: str) -> Mapping[str, Any]:
        answer = self._dynamodb.get_item(
            TableName=self._table, Key=to_item({"order_id": order_id}), ConsistentRead=True
        )
        return answer.get("Item", {})


def same_request(row: Mapping[str, Any], order: Order) -> Order:
    """Return the order in the row.

    Raises:
        KeyReusedError: the row is a tombstone, or ``order`` comes from another request.
    """
    if is_tombstone(row):
        raise KeyReusedError(
            "this Idempotency-Key was used for an order that is no longer kept; use a new one"
        )
    stored = order_of(row)
    if not stored.same_request_as(order):
        raise KeyReusedError("this Idempotency-Key was used for a different order")
    return stored

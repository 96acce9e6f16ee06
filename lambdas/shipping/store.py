"""The shipments' table: one row an order, which is its own guard against a second shipment."""

from collections.abc import Callable
from typing import Any, TypeVar

from lambdas.contracts.codec import decode, encode
from lambdas.runtime.dynamodb import from_item, put_if_absent, put_if_unchanged, to_item
from lambdas.runtime.errors import ConcurrentUpdateError
from lambdas.runtime.retry import RetryPolicy
from lambdas.shipping.domain import AWAITED, BOOKED, CANCELLED, Shipment, merge_hold, shipment_id

S = TypeVar("S", bound=Shipment | None)
RETRY = RetryPolicy(max_attempts=5)
"""A write that lost to another one is tried again at once."""
VERSION_ATTRIBUTES = ("state", "held", "hold_sequence", "picked")
"""Every write of a row changes one of these."""


class Shipments:
    """The table of shipments, keyed by ``order_id``."""

    def __init__(self, table: str, *, dynamodb: Any) -> None:
        """``table`` is its name, ``dynamodb`` boto3's client."""
        self._table = table
        self._dynamodb = dynamodb

    def book(self, planned: Shipment) -> Shipment:
        """Keep the planned shipment, or return what the order has already, whatever it is.

        Where there is only a hold, the shipment is kept with it.

        Raises:
            ConcurrentUpdateError: that hold changed again and again meanwhile.
        """
        for _ in RETRY.attempts():
            row = put_if_absent(self._dynamodb, self._table, encode(planned), key="order_id")
            kept = decode(Shipment, row)
            if kept.state != AWAITED:
                return kept
            booked = merge_hold(kept, planned)
            if self._put(row, booked):
                return booked
        raise ConcurrentUpdateError(
            f"the shipment of order {planned.order_id} is being changed; try again"
        )

    def cancel(self, order_id: str, *, now: str) -> Shipment:
        """Cancel the order's shipment, and return what it now is: final.

        When there is none a tombstone is left, which a late booking meets. A refused one, and one
        that has left, stay as they are.
        """
        try:
            answer = self._dynamodb.update_item(
                TableName=self._table,
                Key=to_item({"order_id": order_id}),
                # An update creates the row that it does not find: here, the tombstone.
                UpdateExpression="SET #state = :cancelled, changed_at = :now, "
                "shipment_id = :shipment_id, created_at = if_not_exists(created_at, :now)",
                ConditionExpression="attribute_not_exists(order_id)"
                " OR #state IN (:booked, :awaited)",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues=to_item(
                    {
                        ":cancelled": CANCELLED,
                        ":booked": BOOKED,
                        ":awaited": AWAITED,
                        ":shipment_id": shipment_id(order_id),
                        ":now": now,
                    }
                ),
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException as final:
            return decode(Shipment, from_item(final.response["Item"]))
        return decode(Shipment, from_item(answer["Attributes"]))

    def update(self, order_id: str, *, change: Callable[[Shipment | None], S]) -> S:
        """Change the order's shipment, None where there is none, and return what it now is.

        Raises:
            ConcurrentUpdateError: others changed it again and again meanwhile.
        """
        for _ in RETRY.attempts():
            answer = self._dynamodb.get_item(
                TableName=self._table, Key=to_item({"order_id": order_id}), ConsistentRead=True
            )
            row = from_item(answer.get("Item", {}))
            before = decode(Shipment, row) if row else None
            after = change(before)
            if after is None or after == before or self._put(row, after):
                return after
        raise ConcurrentUpdateError(
            f"the shipment of order {order_id} is being changed by others; try again"
        )

    def _put(self, row: dict[str, Any], after: Shipment) -> bool:
        return put_if_unchanged(
            self._dynamodb, self._table, row, encode(after), version_attributes=VERSION_ATTRIBUTES
        )

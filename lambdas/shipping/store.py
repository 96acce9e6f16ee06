"""The shipments table: one row for each order, so that an order has one shipment."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from lambdas.contracts.codec import encode, read_row
from lambdas.runtime.dynamodb import (
    from_item,
    put_if_absent,
    put_if_unchanged,
    refused_row,
    to_item,
)
from lambdas.runtime.errors import ConcurrentUpdateError
from lambdas.runtime.retry import RetryPolicy
from lambdas.shipping.domain import (
    Shipment,
    ShipmentState,
    merge_hold,
    shipment_id,
)

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


S = TypeVar("S", bound=Shipment | None)
RETRY = RetryPolicy(max_attempts=5)
"""A write that lost to another one is tried again at once."""
VERSION_ATTRIBUTES = ("state", "held", "hold_sequence", "picked", "reported_at")
"""Every write of a row changes one of these."""


class Shipments:
    """The table of shipments, keyed by ``order_id``."""

    def __init__(self, table: str, *, dynamodb: "DynamoDBClient") -> None:
        """``table`` is the table's name, ``dynamodb`` boto3's client."""
        self._table = table
        self._dynamodb = dynamodb

    def book(self, planned: Shipment) -> Shipment:
        """Store the planned shipment, or return the order's existing one, whatever its state.

        If the row has only a hold, the shipment is stored together with that hold.

        Raises:
            ConcurrentUpdateError: each attempt met a concurrent change of the hold.
        """
        for _ in RETRY.attempts():
            row = put_if_absent(self._dynamodb, self._table, encode(planned), key="order_id")
            kept = shipment_of(row)
            if kept.state != ShipmentState.AWAITED:
                return kept
            booked = merge_hold(kept, planned)
            if self._put(row, booked):
                return booked
        raise ConcurrentUpdateError(
            f"the shipment of order {planned.order_id} is being changed; try again"
        )

    def cancel(self, order_id: str, *, now: str) -> Shipment:
        """Cancel the order's shipment and return it; its state is then final.

        Without a shipment this writes a tombstone, so that a late booking finds it. A refused or
        dispatched shipment stays as it is.
        """
        try:
            answer = self._dynamodb.update_item(
                TableName=self._table,
                Key=to_item({"order_id": order_id}),
                # If there is no row, DynamoDB's update creates one: here, the tombstone.
                UpdateExpression="SET #state = :cancelled, changed_at = :now, "
                "shipment_id = :shipment_id, created_at = if_not_exists(created_at, :now)",
                ConditionExpression="attribute_not_exists(order_id)"
                " OR #state IN (:booked, :awaited)",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues=to_item(
                    {
                        ":cancelled": ShipmentState.CANCELLED,
                        ":booked": ShipmentState.BOOKED,
                        ":awaited": ShipmentState.AWAITED,
                        ":shipment_id": shipment_id(order_id),
                        ":now": now,
                    }
                ),
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException as final:
            return shipment_of(refused_row(final))
        return shipment_of(from_item(answer["Attributes"]))

    def update(self, order_id: str, *, change: Callable[[Shipment | None], S]) -> S:
        """Apply ``change`` to the order's shipment, or to None, and return the result.

        Raises:
            ConcurrentUpdateError: each attempt met a concurrent change of the shipment.
        """
        for _ in RETRY.attempts():
            answer = self._dynamodb.get_item(
                TableName=self._table, Key=to_item({"order_id": order_id}), ConsistentRead=True
            )
            row = from_item(answer.get("Item", {}))
            before = shipment_of(row) if row else None
            after = change(before)
            if after is None or self._put(row, after):
                return after
        raise ConcurrentUpdateError(
            f"the shipment of order {order_id} is being changed by others; try again"
        )

    def _put(self, row: dict[str, Any], after: Shipment) -> bool:
        return put_if_unchanged(
            self._dynamodb, self._table, row, encode(after), version_attributes=VERSION_ATTRIBUTES
        )


def shipment_of(row: Mapping[str, Any]) -> Shipment:
    """Return the shipment in a row; raise UnreadableRowError if there is none."""
    return read_row(Shipment, row, "order_id")

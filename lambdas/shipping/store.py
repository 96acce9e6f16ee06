"""The shipments' table: one row an order, which is its own guard against a second shipment."""

from typing import Any

from lambdas.contracts.codec import decode, encode
from lambdas.runtime.items import from_item, put_new, to_item
from lambdas.shipping.domain import BOOKED, CANCELLED, Shipment, shipment_id


class Shipments:
    """The table of shipments, keyed by ``order_id``."""

    def __init__(self, table: str, *, dynamodb: Any) -> None:
        """``table`` is its name, ``dynamodb`` boto3's client."""
        self._table = table
        self._dynamodb = dynamodb

    def book(self, planned: Shipment) -> Shipment:
        """Keep the planned shipment, or return what the order has already, whatever it is."""
        kept = put_new(self._dynamodb, self._table, encode(planned), key="order_id")
        return decode(Shipment, kept)

    def cancel(self, order_id: str, *, now: str) -> Shipment:
        """Cancel the order's shipment, and return what it now is: final.

        When there is none a tombstone is left, which a late booking meets. A refused one stays as
        it is.
        """
        try:
            answer = self._dynamodb.update_item(
                TableName=self._table,
                Key=to_item({"order_id": order_id}),
                # An update creates the row that it does not find: here, the tombstone.
                UpdateExpression="SET #state = :cancelled, changed_at = :now, "
                "shipment_id = :shipment_id, created_at = if_not_exists(created_at, :now)",
                ConditionExpression="attribute_not_exists(order_id) OR #state = :booked",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues=to_item(
                    {
                        ":cancelled": CANCELLED,
                        ":booked": BOOKED,
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

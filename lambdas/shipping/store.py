"""The shipments' table: one row an order, which is its own guard against a second shipment."""

from typing import Any

from lambdas.contracts.codec import decode, encode
from lambdas.runtime.items import from_item, put_new, to_item
from lambdas.shipping.domain import BOOKED, CANCELLED, DISPATCHED, Shipment, shipment_id


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

    def dispatch(self, order_id: str, *, cause: str, now: str) -> Shipment | None:
        """Dispatch the order's shipment if it is booked, and return what it now is; None for none.

        ``cause`` is the id of the event that asks for it.
        """
        try:
            answer = self._dynamodb.update_item(
                TableName=self._table,
                Key=to_item({"order_id": order_id}),
                UpdateExpression="SET #state = :dispatched, changed_at = :now, cause = :cause",
                ConditionExpression="#state = :booked",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues=to_item(
                    {":dispatched": DISPATCHED, ":booked": BOOKED, ":cause": cause, ":now": now}
                ),
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException as refuted:
            # There is no item in the answer when there is none in the table.
            found = refuted.response.get("Item")
            return decode(Shipment, from_item(found)) if found else None
        return decode(Shipment, from_item(answer["Attributes"]))

"""The purchase orders table: one row for each stock event that leads to an order."""

from typing import TYPE_CHECKING

from lambdas.contracts.codec import decode, encode
from lambdas.purchasing.domain import SUPPLIER, PurchaseOrder, PurchaseOrderState
from lambdas.runtime.dynamodb import from_item, put_if_absent, to_item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class PurchaseOrders:
    """The table of purchase orders, keyed by ``purchase_order_id``."""

    def __init__(self, table: str, *, dynamodb: "DynamoDBClient") -> None:
        """``table`` is the table's name, ``dynamodb`` boto3's client."""
        self._table = table
        self._dynamodb = dynamodb

    def put_once(self, order: PurchaseOrder) -> PurchaseOrder:
        """Store a new order, or return the existing one with its id."""
        row = {name: value for name, value in encode(order).items() if value is not None}
        kept = put_if_absent(self._dynamodb, self._table, row, key="purchase_order_id")
        return decode(PurchaseOrder, kept)

    def due_ids(self, *, now: str, limit: int) -> list[str]:
        """Return the ids of at most ``limit`` orders whose check is due at ``now``, oldest first.

        The index is eventually consistent: an order may be closed already.
        """
        keys = self._dynamodb.query(
            TableName=self._table,
            IndexName="awaiting",
            KeyConditionExpression="awaiting = :supplier AND check_after <= :now",
            ExpressionAttributeValues=to_item({":supplier": SUPPLIER, ":now": now}),
            Limit=limit,
        )
        return [from_item(key)["purchase_order_id"] for key in keys["Items"]]

    def find_open(self, purchase_order_id: str) -> PurchaseOrder | None:
        """Return an open order; None if it is closed.

        Raises:
            ContractError: the row is no purchase order.
        """
        answer = self._dynamodb.get_item(
            TableName=self._table,
            Key=to_item({"purchase_order_id": purchase_order_id}),
            ConsistentRead=True,
        )
        row = from_item(answer.get("Item", {}))
        return decode(PurchaseOrder, row) if "awaiting" in row else None

    def postpone(self, purchase_order_id: str, *, until: str) -> None:
        """Set the next check of an open order to ``until``."""
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=to_item({"purchase_order_id": purchase_order_id}),
                UpdateExpression="SET check_after = :until",
                ConditionExpression="#state = :open",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues=to_item(
                    {":open": PurchaseOrderState.OPEN, ":until": until}
                ),
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return  # Another run delivered it.

    def close(self, order: PurchaseOrder, *, now: str, refusal_reason: str = "") -> None:
        """Close an open order as delivered or, if ``refusal_reason`` is given, as refused.

        An order that is closed already stays as it is.
        """
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=to_item({"purchase_order_id": order.purchase_order_id}),
                UpdateExpression="SET #state = :closed, changed_at = :now, explanation = :why "
                "REMOVE awaiting",
                ConditionExpression="#state = :open",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues=to_item(
                    {
                        ":open": PurchaseOrderState.OPEN,
                        ":closed": PurchaseOrderState.REFUSED
                        if refusal_reason
                        else PurchaseOrderState.DELIVERED,
                        ":why": refusal_reason,
                        ":now": now,
                    }
                ),
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return  # Another run closed it, with the same result: a delivery counts once.

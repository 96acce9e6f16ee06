"""The purchase orders' table: one row an order, which is its own guard against a second one."""

from collections.abc import Iterator
from typing import Any

from lambdas.contracts.codec import decode, encode
from lambdas.purchasing.domain import DELIVERED, OPEN, REFUSED, SUPPLIER, PurchaseOrder
from lambdas.runtime.dynamodb import from_item, put_if_absent, to_item


class PurchaseOrders:
    """The table of purchase orders, keyed by ``purchase_order_id``."""

    def __init__(self, table: str, *, dynamodb: Any) -> None:
        """``table`` is its name, ``dynamodb`` boto3's client."""
        self._table = table
        self._dynamodb = dynamodb

    def put_once(self, order: PurchaseOrder) -> PurchaseOrder:
        """Keep a new order, or return the one that the same crossing led to before."""
        row = {name: value for name, value in encode(order).items() if value is not None}
        kept = put_if_absent(self._dynamodb, self._table, row, key="purchase_order_id")
        return decode(PurchaseOrder, kept)

    def due(self, *, now: str, limit: int) -> Iterator[PurchaseOrder]:
        """The open orders whose time has come, ``limit`` at most, the longest due first."""
        keys = self._dynamodb.query(
            TableName=self._table,
            IndexName="awaiting",
            KeyConditionExpression="awaiting = :supplier AND due_at <= :now",
            ExpressionAttributeValues=to_item({":supplier": SUPPLIER, ":now": now}),
            Limit=limit,
        )
        for key in keys["Items"]:
            found = self._dynamodb.get_item(
                TableName=self._table,
                Key={"purchase_order_id": key["purchase_order_id"]},
                ConsistentRead=True,
            )
            # The index is a moment late: the order may be closed.
            if "awaiting" in found.get("Item", {}):
                yield decode(PurchaseOrder, from_item(found["Item"]))

    def postpone(self, order: PurchaseOrder, *, until: str) -> None:
        """Make an open order due only then, so that what was due before has its turn first."""
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=to_item({"purchase_order_id": order.purchase_order_id}),
                UpdateExpression="SET due_at = :until",
                ConditionExpression="#state = :open",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues=to_item({":open": OPEN, ":until": until}),
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return  # Another run delivered it.

    def close(self, order: PurchaseOrder, *, now: str, refusal_reason: str = "") -> None:
        """Note that the goods were delivered, or refused for a reason; what is closed stays so."""
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
                        ":open": OPEN,
                        ":closed": REFUSED if refusal_reason else DELIVERED,
                        ":why": refusal_reason,
                        ":now": now,
                    }
                ),
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return  # Another run was faster, and found the same: deliveries count once.

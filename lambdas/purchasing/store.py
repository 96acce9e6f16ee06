"""The purchase orders table: one row for each stock event that leads to an order.

A second kind of row says which order was sent for a SKU and a threshold. Its key is made of these.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambdas.contracts.codec import ContractError, decode, encode, read_row
from lambdas.contracts.values import Identifier
from lambdas.purchasing.domain import SUPPLIER, PurchaseOrder, PurchaseOrderState
from lambdas.runtime.dynamodb import from_item, put_if_absent, to_attribute, to_item
from lambdas.runtime.errors import ConcurrentUpdateError
from lambdas.runtime.retry import RetryPolicy

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

RETRY = RetryPolicy(max_attempts=3)
"""A claim that another run changed is looked at again at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """The row that says which order was sent for a SKU and a threshold, without its key."""

    sent: Identifier


class PurchaseOrders:
    """The table of purchase orders, keyed by ``purchase_order_id``."""

    def __init__(self, table: str, *, dynamodb: "DynamoDBClient") -> None:
        """``table`` is the table's name, ``dynamodb`` boto3's client."""
        self._table = table
        self._dynamodb = dynamodb

    def put_once(self, order: PurchaseOrder) -> None:
        """Store a new order; one that is stored under its id stays as it is."""
        row = {name: value for name, value in encode(order).items() if value is not None}
        put_if_absent(self._dynamodb, self._table, row, key="purchase_order_id")

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
            UnreadableRowError: the row is no purchase order.
        """
        row = self._row(purchase_order_id)
        return _order(row) if "awaiting" in row else None

    def claim(self, order: PurchaseOrder) -> str:
        """Claim the order's SKU and threshold for it; return the id of the order that has them.

        That is another one if it is on its way: open, no smaller, and its goods not received yet.
        Its delivery comes after the crossing that ``order`` was raised for, and lifts the stock to
        its minimum.

        Raises:
            ConcurrentUpdateError: each attempt met another run.
        """
        id = seen = to_attribute(order.purchase_order_id)
        for _ in RETRY.attempts():
            try:
                self._dynamodb.update_item(
                    TableName=self._table,
                    Key=to_item({"purchase_order_id": f"{order.threshold}/{order.sku}"}),
                    UpdateExpression="SET sent = :id",
                    ConditionExpression="attribute_not_exists(sent) OR sent = :seen",
                    ExpressionAttributeValues={":id": id, ":seen": seen},
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except self._dynamodb.exceptions.ConditionalCheckFailedException as refusal:
                row: Mapping[str, Any] = refusal.response["Item"]  # type: ignore[typeddict-item]
                seen = row["sent"]
                try:
                    sent = decode(_Claim, from_item(row)).sent
                except ContractError:
                    # Somebody edited it: it names no order that could be on its way.
                    continue
                if _is_on_its_way(self._row(sent), at_least=order.quantity):
                    return sent
            else:
                return order.purchase_order_id
        raise ConcurrentUpdateError(f"orders of {order.sku} are being sent by another run")

    def note_sending(self, purchase_order_id: str, *, now: str) -> bool:
        """Record that an open order is about to be sent: its goods come, whatever is sent then.

        Return False if another run has closed it meanwhile: it must not be sent.
        """
        return self._update_open(purchase_order_id, "SET sent_at = :now", {":now": now})

    def note_receipt(self, purchase_order_id: str, *, now: str) -> None:
        """Record that an open order's goods are about to be received, unless it was before.

        From now on it is not on its way any more: what crosses the threshold again needs an order.
        """
        self._update_open(
            purchase_order_id, "SET receiving_at = if_not_exists(receiving_at, :now)", {":now": now}
        )

    def postpone(self, purchase_order_id: str, *, until: str) -> None:
        """Set the next check of an open order to ``until``."""
        self._update_open(purchase_order_id, "SET check_after = :until", {":until": until})

    def close(
        self,
        order: PurchaseOrder,
        *,
        now: str,
        state: PurchaseOrderState = PurchaseOrderState.DELIVERED,
        explanation: str = "",
    ) -> None:
        """Close an open order; one that is closed already stays as it is."""
        self._update_open(
            order.purchase_order_id,
            "SET #state = :closed, changed_at = :now, explanation = :why REMOVE awaiting",
            {":closed": state, ":why": explanation, ":now": now},
        )

    def _update_open(self, purchase_order_id: str, update: str, values: dict[str, str]) -> bool:
        """Update an open order; return False if another run closed it: a delivery counts once.

        An open order is one that awaits something, also if somebody edited its row. Otherwise many
        such rows would stay due, before all others.
        """
        # DynamoDB refuses names that no expression has.
        names: Any = {"ExpressionAttributeNames": {"#state": "state"}} if "#state" in update else {}
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=to_item({"purchase_order_id": purchase_order_id}),
                UpdateExpression=update,
                ConditionExpression="attribute_exists(awaiting)",
                **names,
                ExpressionAttributeValues=to_item(values),
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _row(self, purchase_order_id: str) -> dict[str, Any]:
        answer = self._dynamodb.get_item(
            TableName=self._table,
            Key=to_item({"purchase_order_id": purchase_order_id}),
            ConsistentRead=True,
        )
        return from_item(answer.get("Item", {}))


def _order(row: Mapping[str, Any]) -> PurchaseOrder:
    return read_row(PurchaseOrder, row, "purchase_order_id")


def _is_on_its_way(row: Mapping[str, Any], *, at_least: int) -> bool:
    """Whether a row is an open order of so many units, whose goods were not received yet."""
    try:
        order = _order(row)
    except ContractError:
        return False
    return bool(order.awaiting) and not order.receiving_at and order.quantity >= at_least

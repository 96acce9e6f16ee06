"""The table of deliveries, and the stock that they add to."""

from typing import TYPE_CHECKING

from lambdas.contracts.codec import ContractError, encode, read_row
from lambdas.contracts.inventory import OutOfStock, ReceiveStock
from lambdas.inventory.domain import Delivery, out_of_stock_message
from lambdas.inventory.writes import RETRY, movement, transact_lines
from lambdas.runtime.dynamodb import from_item, to_item
from lambdas.runtime.retry import RetryPolicy
from lambdas.runtime.transactions import CONDITION_FAILED

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class Deliveries:
    """The table of deliveries, keyed by ``delivery_id``, and the stock that they add to."""

    def __init__(
        self,
        table: str,
        *,
        stock_table: str,
        dynamodb: "DynamoDBClient",
        retry: RetryPolicy = RETRY,
    ) -> None:
        """``table`` and ``stock_table`` are names, ``dynamodb`` is boto3's client."""
        self._table = table
        self._stock = stock_table
        self._dynamodb = dynamodb
        self._retry = retry

    def receive(self, delivery: Delivery) -> None:
        """Add the delivery's lines to the stock, once; a new SKU gets a row.

        ``delivery.lines`` have each SKU once. Negative quantities are written off.

        Raises:
            ContractError: a delivery of other goods was received under this id. Nothing was added.
            UnreadableRowError: the delivery's row, or that of a SKU, was edited.
            OutOfStock: fewer units are available than are to be written off. Nothing was changed.
            ClientError: it is not known whether the transaction was written; try again.
        """
        guard = {
            "Put": {
                "TableName": self._table,
                "Item": to_item(encode(delivery)),
                "ConditionExpression": "attribute_not_exists(delivery_id)",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }
        movements = [
            movement(
                self._stock,
                line,
                source=None,
                target="available",
                cause=f"ReceiveStock/{delivery.delivery_id}",
                now=delivery.received_at,
            )
            for line in delivery.lines
        ]
        items = [guard, *movements]
        failures = transact_lines(self._dynamodb, items, delivery.lines, self._retry)
        if not failures:
            return
        repeated, *too_few = (failure["Code"] == CONDITION_FAILED for failure in failures)
        if repeated:
            received = read_row(Delivery, from_item(failures[0]["Item"]), "delivery_id")
            if set(received.lines) != set(delivery.lines):
                problem = "delivery_id is that of a delivery of other goods"
                raise ContractError(ReceiveStock.__name__, [problem])
            return
        lines = zip(delivery.lines, too_few, strict=True)
        raise OutOfStock(out_of_stock_message([line.sku for line, lacks in lines if lacks]))

"""DynamoDB transactions on the inventory's tables: moving units, and retrying conflicts."""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.contracts.inventory import DeliveredLine
from lambdas.contracts.values import Line
from lambdas.inventory.domain import DEFAULT_MINIMUM
from lambdas.runtime.dynamodb import to_item
from lambdas.runtime.retry import RetryPolicy

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


CONDITION_FAILED = "ConditionalCheckFailed"
RETRYABLE_CODES = {
    "TransactionConflict",
    "TransactionConflictException",
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
}
"""Errors that pass: conflicts with other transactions on the same items, and throttling inside a
transaction, which boto3 does not retry. A cancelled transaction has codes of its own.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""
RETRY = RetryPolicy(max_attempts=5, base_delay=0.025)
"""Waits at most 0.4 s altogether, a fraction of the function's time-out."""


def movement(
    table: str,
    line: Line | DeliveredLine,
    *,
    source: str | None,
    target: str | None,
    cause: str,
    now: str,
) -> dict[str, Any]:
    """Return the transaction's item that moves a line's units from ``source`` to ``target``.

    Both are columns; None is outside of the stock. The write fails if ``source`` has too few units.
    A missing row or number counts as zero in ``target``, and as too few in ``source``.
    """
    change = {"available": 0, "reserved": 0}
    values: dict[str, Any] = {":now": now}
    condition = {}
    if target:
        change[target] = line.quantity
    if source:
        change[source] = -line.quantity
        condition = {"ConditionExpression": f"{source} >= :units"}
        values[":units"] = line.quantity
    minimum = line.minimum if isinstance(line, DeliveredLine) else None
    kept = "if_not_exists(minimum, :minimum)" if minimum is None else ":minimum"
    return {
        "Update": {
            "TableName": table,
            "Key": to_item({"sku": line.sku}),
            "UpdateExpression": "ADD available :available, reserved :reserved, #sequence :one "
            f"SET changed_at = :now, cause = :cause, minimum = {kept}",
            "ExpressionAttributeNames": {"#sequence": "sequence"},
            "ExpressionAttributeValues": to_item(
                values
                | {
                    ":available": change["available"],
                    ":reserved": change["reserved"],
                    ":one": 1,
                    ":cause": cause,
                    ":minimum": DEFAULT_MINIMUM if minimum is None else minimum,
                }
            ),
            **condition,
        }
    }


def transact(dynamodb: "DynamoDBClient", items: list[Any], retry: RetryPolicy) -> list[Any] | None:
    """Write all items or none; return None if they were written.

    Otherwise return DynamoDB's cancellation reasons, one for each item, if a condition failed. Any
    other cancellation raises ClientError: DynamoDB may then not have checked the other conditions.
    """
    try:
        retry.call(
            lambda: dynamodb.transact_write_items(TransactItems=items), is_transient=is_transient
        )
    except dynamodb.exceptions.TransactionCanceledException as cancelled:
        if set(_reasons(cancelled)) - {"None"} != {CONDITION_FAILED}:
            raise
        return list(cancelled.response["CancellationReasons"])
    return None


def _reasons(error: ClientError) -> list[str]:
    return [reason["Code"] for reason in error.response.get("CancellationReasons", [])]


def is_transient(error: BaseException) -> bool:
    """Return whether a request that failed with this error may succeed when repeated."""
    if not isinstance(error, ClientError):
        return False
    return bool(RETRYABLE_CODES & {error.response["Error"]["Code"], *_reasons(error)})

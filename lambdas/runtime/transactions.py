"""DynamoDB's transactions: why one was cancelled, and whether it is worth another attempt."""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.runtime.retry import RetryPolicy

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


CONDITION_FAILED = "ConditionalCheckFailed"
NOT_VALID = "ValidationError"
"""The code of an item that does not fit its row: something is added to what is no number."""
TRANSIENT_CODES = {
    "TransactionConflict",
    "TransactionConflictException",
    "TransactionInProgressException",
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
}
"""Errors that pass: conflicts with other transactions on the same items, an earlier attempt that is
not done yet, and throttling inside a transaction, which boto3 does not retry. A cancelled
transaction has codes of its own.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""


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
        if set(cancellation_codes(cancelled)) - {"None"} != {CONDITION_FAILED}:
            raise
        return list(cancelled.response["CancellationReasons"])
    return None


def cancellation_codes(error: ClientError) -> list[str]:
    """Return why a transaction was cancelled, a code for each of its items."""
    return [reason["Code"] for reason in error.response.get("CancellationReasons", [])]


def is_transient(error: BaseException) -> bool:
    """Return whether a request that failed with this error may succeed when repeated."""
    if not isinstance(error, ClientError):
        return False
    return bool(TRANSIENT_CODES & {error.response["Error"]["Code"], *cancellation_codes(error)})


def busy_items(error: ClientError) -> list[int]:
    """Return the indexes of the items whose rows were busy, so that the transaction failed."""
    return [at for at, code in enumerate(cancellation_codes(error)) if code in TRANSIENT_CODES]

"""Standing between a store and its boto3 client."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from tests.support.doubles import ClientDouble


def cancelled(dynamodb: Any, *codes: str) -> ClientError:
    """What DynamoDB answers to a transaction that it cancels for these reasons."""
    answer = {
        "Error": {"Code": "TransactionCanceledException", "Message": "Transaction cancelled"},
        "CancellationReasons": [{"Code": code} for code in codes],
    }
    error: ClientError = dynamodb.exceptions.TransactionCanceledException(
        answer, "TransactWriteItems"
    )
    return error


class Spy(ClientDouble):
    """A client that calls ``before`` with the operation's name ahead of each request.

    ``before`` may count, raise what AWS would answer, or let somebody else work in between.
    """

    def __init__(self, client: Any, before: Callable[[str], object]) -> None:
        self._client = client
        self._before = before
        self.exceptions = client.exceptions

    def __getattr__(self, operation: str) -> Any:
        call = getattr(self._client, operation)

        def request(**arguments: Any) -> Any:
            self._before(operation)
            return call(**arguments)

        return request

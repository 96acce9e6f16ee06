"""Standing between a store and its boto3 client."""

from collections.abc import Callable
from typing import Any

from tests.support.doubles import ClientDouble


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

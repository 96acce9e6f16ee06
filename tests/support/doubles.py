"""Doubles of boto3's clients."""

import io
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    ClientDouble = Any
else:

    class ClientDouble:
        """Stands in for a client: type checkers accept it wherever a client is expected."""


class OneFunction(ClientDouble):
    """A Lambda client with the function ``simulator``: it returns ``response``, or raises it."""

    def __init__(self, response: object, **invocation: object) -> None:
        self.response = response
        self.invocation = invocation
        self.requests: list[Any] = []

    def invoke(self, *, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803
        assert FunctionName == "simulator"
        self.requests.append(json.loads(Payload))
        if isinstance(self.response, Exception):
            raise self.response
        return {"Payload": io.BytesIO(json.dumps(self.response).encode()), **self.invocation}

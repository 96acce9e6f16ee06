"""Synchronous calls of other functions."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lambdas.contracts.bounds import quoted
from lambdas.contracts.text import printable

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient


class FunctionFailedError(Exception):
    """The called function raised an error; ``error_type`` is the name of its class.

    The function may stand in for another company: what its error says is escaped and cut.
    """

    def __init__(self, response: Mapping[str, Any]) -> None:
        self.error_type = response.get("errorType")
        super().__init__(printable(f"{self.error_type}: {response.get('errorMessage')}"))


def call_function(functions: "LambdaClient", name: str, payload: Mapping[str, Any]) -> Any:
    """Invoke a function and return its response. ``functions`` is boto3's client of Lambda.

    An error in the function's code is a successful invocation with FunctionError set.
    https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html

    Raises:
        FunctionFailedError: the function raised an error.
        BotoCoreError, ClientError: it is unknown what the function did.
    """
    invocation = functions.invoke(FunctionName=name, Payload=json.dumps(payload))
    response = json.load(invocation["Payload"])
    if invocation.get("FunctionError"):
        raise FunctionFailedError(response)
    return response


def state_of(response: object) -> str:
    """Return the ``state`` in a response that is not understood, or the response's type.

    It is for an error's text: escaped, and cut.
    """
    state = response.get("state") if isinstance(response, dict) else type(response).__name__
    return quoted(str(state))

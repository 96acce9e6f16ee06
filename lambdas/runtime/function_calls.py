"""Synchronous calls of other functions."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient


class FunctionFailedError(Exception):
    """The called function raised an error; ``error_type`` is the name of its class."""

    def __init__(self, response: Mapping[str, Any]) -> None:
        self.error_type = response.get("errorType")
        super().__init__(f"{self.error_type}: {response.get('errorMessage')}")


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

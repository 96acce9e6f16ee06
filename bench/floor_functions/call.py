"""A step that calls another function."""

import os
from typing import Any

import boto3

functions = boto3.client("lambda")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Call it, and wait for its answer."""
    functions.invoke(FunctionName=os.environ["CALLED"], Payload=b"{}")
    return {}

"""Items as DynamoDB returns them, whatever they hold."""

from collections.abc import Mapping
from typing import Any

from boto3.dynamodb.types import TypeSerializer


def any_item(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as DynamoDB's JSON, with binary values too, which our rows never have."""
    return {name: TypeSerializer().serialize(value) for name, value in row.items()}

"""Between plain rows and the items of DynamoDB's low-level client.

Rows hold texts, whole numbers, booleans, None, sets of texts, and lists and dictionaries of these.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def to_item(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as DynamoDB's JSON: ``{"n": 1}`` is ``{"n": {"N": "1"}}``."""
    return {name: _serialize(value) for name, value in row.items()}


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """DynamoDB's JSON as a row, its numbers as ``int``."""
    return {name: _plain(_deserialize(value)) for name, value in item.items()}


def put_new(dynamodb: Any, table: str, row: Mapping[str, Any], *, key: str) -> dict[str, Any]:
    """Put ``row`` unless there is one with its ``key``; return the row that the table then has.

    The row that was there first comes with the refusal, without a read.
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html
    """
    try:
        dynamodb.put_item(
            TableName=table,
            Item=to_item(row),
            ConditionExpression="attribute_not_exists(#key)",
            ExpressionAttributeNames={"#key": key},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException as conflict:
        return from_item(conflict.response["Item"])
    return dict(row)


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return int(value)
        case list():
            return [_plain(entry) for entry in value]
        case dict():
            return {name: _plain(entry) for name, entry in value.items()}
    return value

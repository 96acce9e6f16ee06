"""Conversion between rows and DynamoDB's items, and conditional writes.

Rows hold texts, whole numbers, booleans, None, sets of texts, and lists and dictionaries of these.
What else an item may have, such as a fraction, stays what boto3 makes of it; contracts refuse it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from lambdas.runtime.retry import RetryPolicy

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from types_boto3_dynamodb import DynamoDBClient


READ_RETRY = RetryPolicy(max_attempts=5, base_delay=0.05)
"""Waits at most 0.75 s altogether, a fraction of the function's time-out."""
_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


class UnprocessedKeysError(Exception):
    """DynamoDB left some keys of a batch unread in every attempt; try again later."""


def to_item(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as DynamoDB's JSON: ``{"n": 1}`` is ``{"n": {"N": "1"}}``."""
    return {name: _serialize(value) for name, value in row.items()}


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return DynamoDB's JSON as a row, with whole numbers as ``int``."""
    return {name: _plain(_deserialize(value)) for name, value in item.items()}


def batch_get(
    dynamodb: "DynamoDBClient",
    table: str,
    keys: Sequence[Mapping[str, Any]],
    *,
    consistent: bool = False,
    retry: RetryPolicy = READ_RETRY,
) -> Iterator[dict[str, Any]]:
    """Yield the rows that there are under these keys: 1 to 100 keys, all different.

    DynamoDB may leave keys unprocessed when it is throttled; those are requested again.
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html

    Raises:
        UnprocessedKeysError: keys were left in every attempt.
    """
    waiting: Any = [to_item(key) for key in keys]
    for _ in retry.attempts():
        answer = dynamodb.batch_get_item(
            RequestItems={table: {"Keys": waiting, "ConsistentRead": consistent}}
        )
        yield from map(from_item, answer["Responses"].get(table, ()))
        unprocessed: dict[str, Any] = dict(answer["UnprocessedKeys"])
        waiting = unprocessed.get(table, {}).get("Keys", [])
        if not waiting:
            return
    raise UnprocessedKeysError(f"{len(waiting)} rows of {table} could not be read; try again")


def put_if_newer(
    dynamodb: "DynamoDBClient", table: str, row: Mapping[str, Any], *, key: str
) -> bool:
    """Put ``row`` unless the one with its ``key`` has its ``sequence`` or a higher one.

    Return whether it was put.
    """
    return _try_write(
        dynamodb,
        dynamodb.put_item,
        TableName=table,
        Item=to_item(row),
        ConditionExpression="attribute_not_exists(#key) OR #sequence < :sequence",
        ExpressionAttributeNames={"#key": key, "#sequence": "sequence"},
        ExpressionAttributeValues=to_item({":sequence": row["sequence"]}),
    )


def put_if_absent(
    dynamodb: "DynamoDBClient", table: str, row: Mapping[str, Any], *, key: str
) -> dict[str, Any]:
    """Put ``row`` unless there is one with its ``key``; return the row that the table then has.

    If the write is refused, the existing row comes with the error, without a read.
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
        return refused_row(conflict)
    return dict(row)


def refused_row(refusal: "ClientError") -> dict[str, Any]:
    """Return the row that came with a ConditionalCheckFailedException of a write with ALL_OLD."""
    response: Mapping[str, Any] = refusal.response
    return from_item(response["Item"])


def put_if_unchanged(
    dynamodb: "DynamoDBClient",
    table: str,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    *,
    version_attributes: Sequence[str],
) -> bool:
    """Replace the row ``old`` by ``new`` if it is unchanged; return whether it was.

    An empty ``old`` means that there must be no row.

    Every write of a row changes at least one of its ``version_attributes``.
    """
    condition = _unchanged(old, version_attributes)
    return _try_write(dynamodb, dynamodb.put_item, TableName=table, Item=to_item(new), **condition)


def _unchanged(old: Mapping[str, Any], version_attributes: Sequence[str]) -> dict[str, Any]:
    """Return the condition that none of the version attributes has changed."""
    comparisons = [
        f"#{name} = :{name}" if name in old else f"attribute_not_exists(#{name})"
        for name in version_attributes
    ]
    values = to_item({f":{name}": old[name] for name in version_attributes if name in old})
    return {
        "ConditionExpression": " AND ".join(comparisons),
        "ExpressionAttributeNames": {f"#{name}": name for name in version_attributes},
        **({"ExpressionAttributeValues": values} if values else {}),
    }


def _try_write(dynamodb: "DynamoDBClient", write: Callable[..., object], **request: Any) -> bool:
    """Make a conditional write; return whether its condition held."""
    try:
        write(**request)
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return int(value) if value == value.to_integral_value() else value
        case list():
            return [_plain(entry) for entry in value]
        case dict():
            return {name: _plain(entry) for name, entry in value.items()}
    return value

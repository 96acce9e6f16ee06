"""Conversion between rows and DynamoDB's items, and conditional writes.

Rows have texts, whole numbers, booleans, None, sets of texts, and lists and dictionaries of these.
What else an item may have is refused by contracts: numbers that are not whole and sets of numbers,
which are read as Decimals, and binary values, which stay DynamoDB's JSON.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Context
from typing import TYPE_CHECKING, Any

from lambdas.contracts.bounds import MAX_INTEGER
from lambdas.runtime.retry import RetryPolicy

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from types_boto3_dynamodb import DynamoDBClient


READ_RETRY = RetryPolicy(max_attempts=5, base_delay=0.05)
"""Waits at most 0.75 s altogether, a fraction of the function's time-out."""
_NUMBERS = Context(prec=38, traps=[])
"""DynamoDB's numbers have up to 38 digits; what is none of them becomes NaN, which is refused."""


class UnprocessedKeysError(Exception):
    """After all attempts DynamoDB had still not read some keys of a batch; try again later."""


def to_item(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as DynamoDB's JSON: ``{"n": 1}`` is ``{"n": {"N": "1"}}``."""
    return {name: to_attribute(value) for name, value in row.items()}


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return DynamoDB's JSON as a row, with whole numbers as ``int``."""
    return {name: from_attribute(value) for name, value in item.items()}


def to_attribute(value: Any) -> dict[str, Any]:
    """Return a value as DynamoDB's JSON; raise TypeError if rows cannot have such values."""
    match value:
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case None:
            return {"NULL": True}
        case Mapping():
            return {"M": to_item(value)}
        case set() | frozenset() if value and all(isinstance(entry, str) for entry in value):
            return {"SS": sorted(value)}
        case list() | tuple():
            return {"L": [to_attribute(entry) for entry in value]}
    raise TypeError(f"rows hold no {type(value).__name__}: {value!r}")


def from_attribute(attribute: Mapping[str, Any]) -> Any:
    """Return the value in DynamoDB's JSON, with whole numbers as ``int``."""
    ((kind, value),) = attribute.items()
    match kind:
        case "S" | "BOOL":
            return value
        case "N":
            number = _NUMBERS.create_decimal(value)
            return int(number) if number == number.to_integral_value() else number
        case "M":
            return from_item(value)
        case "L":
            return [from_attribute(entry) for entry in value]
        case "NULL":
            return None
        case "SS":
            return set(value)
        case "NS":
            return set(map(_NUMBERS.create_decimal, value))
    return {kind: value}


def batch_get(
    dynamodb: "DynamoDBClient",
    table: str,
    keys: Sequence[Mapping[str, Any]],
    *,
    consistent: bool = False,
    retry: RetryPolicy = READ_RETRY,
) -> Iterator[dict[str, Any]]:
    """Yield the rows that exist under 1 to 100 different keys.

    DynamoDB may leave keys unprocessed when it throttles; those are requested again.
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html

    Raises:
        UnprocessedKeysError: keys were left after all attempts.
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
    """Put ``row`` unless the stored row has the same ``sequence`` or a higher one.

    A stored ``sequence`` that is no event's number was edited by somebody; that row is replaced.
    ``key`` is the name of the key's column. Return whether the row was put.
    """
    return _try_write(
        dynamodb,
        dynamodb.put_item,
        TableName=table,
        Item=to_item(row),
        ConditionExpression="attribute_not_exists(#key) OR #sequence < :sequence"
        " OR #sequence > :most OR NOT attribute_type(#sequence, :number)",
        ExpressionAttributeNames={"#key": key, "#sequence": "sequence"},
        ExpressionAttributeValues=to_item(
            {":sequence": row["sequence"], ":most": MAX_INTEGER, ":number": "N"}
        ),
    )


def put_if_absent(
    dynamodb: "DynamoDBClient", table: str, row: Mapping[str, Any], *, key: str
) -> dict[str, Any]:
    """Put ``row`` unless its key exists; return the row that is stored then, new or old.

    ``key`` is the name of the key's column. If the write is refused, the stored row comes with the
    error and needs no read.
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
    """Return the stored row from a ConditionalCheckFailedException; the write had ALL_OLD."""
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
    """Replace the row ``old`` by ``new`` if the stored row is still ``old``; return whether it was.

    If ``old`` is empty, there must be no stored row. Each write of a row has to change at least one
    of its ``version_attributes``: only these are compared.
    """
    versions = to_item({name: old[name] for name in version_attributes if name in old})
    return put_if_item_unchanged(
        dynamodb, table, versions, new, version_attributes=version_attributes
    )


def put_if_item_unchanged(
    dynamodb: "DynamoDBClient",
    table: str,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    *,
    version_attributes: Sequence[str],
) -> bool:
    """Do what ``put_if_unchanged`` does, where ``old`` is DynamoDB's JSON, of any types."""
    condition = _unchanged(old, version_attributes)
    return _try_write(dynamodb, dynamodb.put_item, TableName=table, Item=to_item(new), **condition)


def _unchanged(old: Mapping[str, Any], version_attributes: Sequence[str]) -> dict[str, Any]:
    """Return the condition that all version attributes have the values of the item ``old``."""
    comparisons = [
        f"#{name} = :{name}" if name in old else f"attribute_not_exists(#{name})"
        for name in version_attributes
    ]
    values = {f":{name}": old[name] for name in version_attributes if name in old}
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

"""Read changes of a table from its stream, in the form in which a function gets them."""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

MAX_EMPTY_READS = 10
"""This many reads without a record mean that none are left. One or two reads may be empty."""


class StreamReadError(Exception):
    """The records are gone or incomplete, or the mapping's filter is not supported."""


def read_changes(
    streams: Any, batch: Mapping[str, Any], *, filters: Sequence[Any] = ()
) -> list[dict[str, Any]]:
    """Return the records of a batch that a mapping discarded, filtered as the mapping does.

    ``streams`` is boto3's client; ``batch`` is the ``DDBStreamBatchInfo`` of an invocation record.
    A stream keeps records for 24 hours.
    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html

    Raises:
        StreamReadError: the stream no longer has them, or did not return all of them.
    """
    arn, shard = batch["streamArn"], batch["shardId"]
    last = int(batch["endSequenceNumber"])
    if ":dynamodb:" not in arn:
        raise StreamReadError(f"a pointer into {arn} cannot be read")
    found: list[dict[str, Any]] = []
    reached, empty = False, 0
    try:
        iterator = streams.get_shard_iterator(
            StreamArn=arn,
            ShardId=shard,
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=batch["startSequenceNumber"],
        )["ShardIterator"]
        while iterator and not reached and empty < MAX_EMPTY_READS:
            answer = streams.get_records(ShardIterator=iterator)
            records = answer["Records"]
            found += [r for r in records if int(r["dynamodb"]["SequenceNumber"]) <= last]
            reached = any(int(r["dynamodb"]["SequenceNumber"]) >= last for r in records)
            empty = 0 if records else empty + 1
            iterator = answer.get("NextShardIterator")
    except (
        streams.exceptions.TrimmedDataAccessException,
        streams.exceptions.ResourceNotFoundException,
    ):
        found, reached = [], False
    if found and not reached:
        raise StreamReadError("the stream returned only the first of these changes: try again")
    wanted = [r for r in found if not filters or any(matches_filter(f, r) for f in filters)]
    if not wanted:
        raise StreamReadError(
            "the stream no longer has these changes, it keeps them for a day:"
            " the rows say what should have been published"
        )
    return [_as_delivered(record, arn) for record in wanted]


def matches_filter(pattern: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    """Return whether a mapping's filter matches a record. Only exact values are supported.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html

    Raises:
        StreamReadError: the filter has another kind of condition.
    """
    for name, wanted in pattern.items():
        value = record.get(name)
        if isinstance(wanted, Mapping):
            if not isinstance(value, Mapping) or not matches_filter(wanted, value):
                return False
        elif any(isinstance(each, Mapping) for each in wanted):
            raise StreamReadError(f"the mapping filters {name} by more than values")
        elif value not in wanted:
            return False
    return True


def _as_delivered(record: Mapping[str, Any], arn: str) -> dict[str, Any]:
    """Return the record as Lambda delivers it: times in seconds, bytes in base64.

    https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
    """
    whole: dict[str, Any] = _plain(record)
    return {**whole, "eventSourceARN": arn}


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return int(value.timestamp())
        case bytes():
            return base64.b64encode(value).decode()
        case Mapping():
            return {name: _plain(inner) for name, inner in value.items()}
        case list() | tuple() | set():
            return [_plain(inner) for inner in value]
    return value

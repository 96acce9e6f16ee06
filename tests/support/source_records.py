"""The records and events with which functions are invoked, as their sources make them."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from simulation.tables import Change

TABLE, STREAM, QUEUE, RULE, DESTINATION, SCHEDULE = (
    "table", "stream", "queue", "rule", "destination", "schedule",
)  # fmt: skip
"""The kinds of sources."""
BATCHED = (TABLE, STREAM, QUEUE)


def record(change: Change, number: int = 1) -> dict[str, Any]:
    """The record of a change in the stream of its table."""
    return _table_record({"before": change.before, "after": change.after}, number)


def _table_record(change: Mapping[str, Any], number: int) -> dict[str, Any]:
    before, after = change["before"], change["after"]
    images = {"OldImage": before, "NewImage": after}
    shown = {name: image for name, image in images.items() if image}
    return {
        "eventID": str(number),
        "eventName": "INSERT" if not before else "MODIFY" if after else "REMOVE",
        "eventSource": "aws:dynamodb",
        "dynamodb": {"SequenceNumber": f"{number:021}", **shown},
    }


def wrapped(kind: str, contents: Sequence[Any]) -> Any:
    """What a function is invoked with: a batch of records, or the one event.

    A content is a change of a table, or plain JSON; bytes are the raw data of a record.
    """
    match kind:
        case "table":
            records = [_table_record(each, i) for i, each in enumerate(contents, 1)]
        case "stream":
            records = [_stream_record(each, i) for i, each in enumerate(contents, 1)]
        case "queue":
            records = [_message(each, i) for i, each in enumerate(contents, 1)]
        case _:
            (event,) = contents
            return event
    return {"Records": records}


def _raw(content: Any) -> bytes:
    return content if isinstance(content, bytes) else json.dumps(content).encode()


def subject(content: Any) -> str:
    """Return the subject of an event, which is its partition key and its group."""
    inner = content
    for name in ("detail", "responsePayload", "metadata", "subject"):
        if isinstance(inner, dict):
            inner = inner.get(name, inner)
    return inner if isinstance(inner, str) else "none"


def _stream_record(content: Any, number: int) -> dict[str, Any]:
    data = base64.b64encode(_raw(content)).decode()
    kinesis = {"partitionKey": subject(content), "sequenceNumber": f"{number:056}", "data": data}
    return {"eventID": f"shard:{number}", "eventSource": "aws:kinesis", "kinesis": kinesis}


def _message(content: Any, number: int) -> dict[str, Any]:
    return {
        "messageId": f"m{number}",
        "body": _raw(content).decode(errors="replace"),
        "attributes": {
            "MessageGroupId": subject(content),
            "MessageDeduplicationId": f"d{number}",
        },
        "messageAttributes": {},
    }


def bus_event(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "account": "123456789012",
        "time": "2030-01-01T00:00:00Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": json.loads(entry["Detail"]),
    }

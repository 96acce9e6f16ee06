"""The records that a stream mapping sends to its failure destination.

A queue or topic gets only the position of the failed records in the stream. A bucket also gets the
records themselves, as the event that the function received.
https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html

AWS does not document two cases. Here, the record has no `responseContext` if no function was
invoked, and no `functionError` if the function answered with batch item failures.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from emulator.delivery_rules.stream_records import DiscardedBatch

BatchInfo = Literal["KinesisBatchInfo", "DDBStreamBatchInfo"]


def failure_record(
    discarded: DiscardedBatch,
    *,
    info: BatchInfo,
    stream: str,
    shard: str,
    function: str,
    request_id: str,
    now: float,
) -> dict[str, Any]:
    """Return the invocation record for a discarded batch."""
    first, last = discarded.records[0], discarded.records[-1]
    precision = "milliseconds" if info == "KinesisBatchInfo" else "seconds"
    response: dict[str, Any] = {"statusCode": 200, "executedVersion": "$LATEST"}
    if discarded.error:
        response["functionError"] = "Unhandled"
    return {
        "requestContext": {
            "requestId": request_id,
            "functionArn": function,
            "condition": discarded.condition,
            "approximateInvokeCount": discarded.invocations,
        },
        **({"responseContext": response} if discarded.invocations else {}),
        "version": "1.0",
        "timestamp": _time(now, "milliseconds"),
        info: {
            "shardId": shard,
            "startSequenceNumber": first.sequence,
            "endSequenceNumber": last.sequence,
            "approximateArrivalOfFirstRecord": _time(first.arrived, precision),
            "approximateArrivalOfLastRecord": _time(last.arrived, precision),
            "batchSize": len(discarded.records),
            "streamArn": stream,
        },
    }


def with_payload(record: Mapping[str, Any], bodies: Sequence[Any]) -> dict[str, Any]:
    """Return the record for a bucket: it has the function's event as a JSON string."""
    return {**record, "payload": json.dumps({"Records": bodies})}


def object_key(mapping: str, shard: str, *, now: float, unique: str) -> str:
    """Return the key of the record's object in the bucket."""
    at = datetime.fromtimestamp(now, UTC)
    return f"aws/lambda/{mapping}/{shard}/{at:%Y/%m/%d}/{at:%Y-%m-%dT%H.%M.%S}-{unique}"


def _time(seconds: float, precision: str) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=precision)[:-6] + "Z"

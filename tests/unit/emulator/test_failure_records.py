"""The records for failure destinations, in AWS's own examples."""

import json

from emulator.delivery_rules.failure_records import failure_record, object_key, with_payload
from emulator.delivery_rules.stream_records import DiscardedBatch, Record

KINESIS = "https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"
DYNAMODB = "https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html"
FUNCTION = "arn:aws:lambda:us-east-2:123456789012:function:myfunction"
STREAM = "arn:aws:kinesis:us-east-2:123456789012:stream/mystream"
TABLE = "arn:aws:dynamodb:us-east-2:123456789012:table/mytable/stream/2019-11-14T00:04:06.388"
NOW = 1573691886.021


def record(sequence: str, arrived: float) -> Record:
    return Record(position=0, sequence=sequence, key="k", arrived=arrived, body={"is": sequence})


RECORDS = (record("4960118", 1573691884.835), record("4960119", 1573691885.58))


def test_queue_gets_the_position_of_kinesis_records() -> None:
    discarded = DiscardedBatch(
        records=RECORDS, condition="RetryAttemptsExhausted", invocations=3, error=True
    )
    assert failure_record(
        discarded, info="KinesisBatchInfo", stream=STREAM, shard="shardId-000000000001",
        function=FUNCTION, request_id="c9b8fa9f", now=NOW,
    ) == {
        "requestContext": {
            "requestId": "c9b8fa9f",
            "functionArn": FUNCTION,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 3,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "version": "1.0",
        "timestamp": "2019-11-14T00:38:06.021Z",
        "KinesisBatchInfo": {
            "shardId": "shardId-000000000001",
            "startSequenceNumber": "4960118",
            "endSequenceNumber": "4960119",
            "approximateArrivalOfFirstRecord": "2019-11-14T00:38:04.835Z",
            "approximateArrivalOfLastRecord": "2019-11-14T00:38:05.580Z",
            "batchSize": 2,
            "streamArn": STREAM,
        },
    }, KINESIS  # fmt: skip


def test_failure_record_of_a_table_change_has_whole_seconds() -> None:
    discarded = DiscardedBatch(
        records=(record("800", 1573690399),),
        condition="RecordAgeExceeded",
        invocations=0,
        error=False,
    )
    sent = failure_record(
        discarded, info="DDBStreamBatchInfo", stream=TABLE, shard="shardId-1", function=FUNCTION,
        request_id="c9b8fa9f", now=NOW,
    )  # fmt: skip
    assert sent["DDBStreamBatchInfo"] == {
        "shardId": "shardId-1",
        "startSequenceNumber": "800",
        "endSequenceNumber": "800",
        "approximateArrivalOfFirstRecord": "2019-11-14T00:13:19Z",
        "approximateArrivalOfLastRecord": "2019-11-14T00:13:19Z",
        "batchSize": 1,
        "streamArn": TABLE,
    }, DYNAMODB
    assert sent["requestContext"]["condition"] == "RecordAgeExceeded"
    assert "responseContext" not in sent, "no function was invoked"


def test_reported_failures_are_recorded_without_an_error() -> None:
    discarded = DiscardedBatch(
        records=RECORDS, condition="RetryAttemptsExhausted", invocations=1, error=False
    )
    sent = failure_record(
        discarded, info="KinesisBatchInfo", stream=STREAM, shard="s", function=FUNCTION,
        request_id="c9b8fa9f", now=NOW,
    )  # fmt: skip
    assert "functionError" not in sent["responseContext"]


def test_bucket_gets_the_event_too_under_a_name_that_sorts_by_time() -> None:
    sent = with_payload({"version": "1.0"}, [r.body for r in RECORDS])
    assert sent["version"] == "1.0"
    assert json.loads(sent["payload"]) == {"Records": [{"is": "4960118"}, {"is": "4960119"}]}
    key = object_key("a1b2", "shardId-000000000001", now=NOW, unique="0f0f")
    assert key == ("aws/lambda/a1b2/shardId-000000000001/2019/11/14/2019-11-14T00.38.06-0f0f"), (
        KINESIS
    )

"""A record that fails stays alone, and its destination gets it, under the function's role."""

import base64
import json
import re
from typing import Any

from emulator.cloud import Cloud
from tests.support.consumers import (
    LOG,
    QUEUE,
    READ_STREAM,
    STREAM,
    Seen,
    all_of,
    bodies,
    consumer,
    messages,
    put,
    seen,
    stream_mapping,
    until,
)
from tests.support.small_stacks import Deploy, client, get, ref, role
from tests.support.streams import ROLE, of_each_source, write


def bucket_objects(cloud: Cloud, bucket: str) -> list[tuple[str, Any]]:
    s3 = client(cloud, "s3")
    found = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return [
        (one["Key"], json.loads(s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read()))
        for one in found
    ]


TEN = [*(f"good{n}" for n in range(6)), "bad", *(f"good{n}" for n in range(6, 9))]


ONLY_BY_TLS = {
    "Type": "AWS::SQS::QueuePolicy",
    "Properties": {
        "Queues": [ref("DeadLetters")],
        "PolicyDocument": {
            "Statement": [
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "sqs:*",
                    "Resource": get("DeadLetters"),
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ]
        },
    },
}


@of_each_source
def test_poison_stays_alone_and_a_queue_gets_its_position(
    cloud: Cloud, deploy: Deploy, source: Any
) -> None:
    resources, arn, outputs = source
    stack = deploy(
        {
            **resources, **consumer(), "Role": ROLE, "DeadLetters": QUEUE, "OnlyByTls": ONLY_BY_TLS,
            "Mapping": stream_mapping(
                arn, MaximumRetryAttempts=1, BisectBatchOnFunctionError=True, BatchSize=10,
                MaximumBatchingWindowInSeconds=1,
                DestinationConfig={"OnFailure": {"Destination": get("DeadLetters")}},
            ),
        },
        Arn=arn, Log=ref("ConsumerLog"), Function=get("Consumer"),
        DeadLetters=ref("DeadLetters"), **outputs,
    )  # fmt: skip
    write(cloud, stack, *TEN)
    (failure,) = until(lambda: messages(cloud, stack.outputs["DeadLetters"]), bool)
    assert failure["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert failure["requestContext"]["approximateInvokeCount"] == 2
    assert failure["requestContext"]["functionArn"] == stack.outputs["Function"]
    assert "payload" not in failure
    info = failure.get("KinesisBatchInfo") or failure["DDBStreamBatchInfo"]
    assert info["batchSize"] == 1
    assert info["startSequenceNumber"] == info["endSequenceNumber"]
    assert info["streamArn"] == stack.outputs["Arn"]

    def processed(found: list[Seen]) -> list[str]:
        return [body for one in found for body in one.bodies if "bad" not in one.bodies]

    good = [body for body in TEN if body != "bad"]
    found = until(
        lambda: seen(cloud, stack.outputs["Log"]), lambda s: len(processed(s)) >= len(good)
    )
    assert processed(found) == good, "in order, once each"
    assert bodies(found).count(["bad"]) == 2
    assert not messages(cloud, stack.outputs["DeadLetters"])


@of_each_source
def test_poison_stays_alone_and_a_bucket_gets_it_whole(
    cloud: Cloud, deploy: Deploy, source: Any
) -> None:
    resources, arn, outputs = source
    stack = deploy(
        {
            **resources, **consumer(REPORTS="yes"), "Role": ROLE,
            "DeadLetters": {"Type": "AWS::S3::Bucket"},
            "Mapping": stream_mapping(
                arn, MaximumRetryAttempts=0, BisectBatchOnFunctionError=True,
                FunctionResponseTypes=["ReportBatchItemFailures"],
                MaximumBatchingWindowInSeconds=1,
                DestinationConfig={"OnFailure": {"Destination": get("DeadLetters")}},
            ),
        },
        Log=ref("ConsumerLog"), DeadLetters=ref("DeadLetters"), Mapping=ref("Mapping"), **outputs,
    )  # fmt: skip
    write(cloud, stack, *TEN)
    ((key, failure),) = until(lambda: bucket_objects(cloud, stack.outputs["DeadLetters"]), bool)
    day, second = r"\d{4}/\d\d/\d\d", r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d"
    mapping = stack.outputs["Mapping"]
    assert re.fullmatch(rf"aws/lambda/{mapping}/shardId-[\d-]+/{day}/{second}-[\da-f-]{{36}}", key)
    (record,) = json.loads(failure["payload"])["Records"]
    if "kinesis" in record:
        assert base64.b64decode(record["kinesis"]["data"]) == b"bad"
    else:
        assert record["dynamodb"]["NewImage"] == {"id": {"S": "bad"}}
    found = until(lambda: seen(cloud, stack.outputs["Log"]), lambda s: all_of(s) == set(TEN))
    assert bodies(found)[:2] == [TEN, TEN[6:]], "tried again from the first failed record"


def test_report_of_an_unknown_record_fails_the_batch(cloud: Cloud, deploy: Deploy) -> None:
    answer = {"batchItemFailures": [{"itemIdentifier": "unknown"}]}
    stack = deploy(
        {
            "Stream": STREAM, **consumer(ANSWERS=json.dumps(answer)), "Role": ROLE,
            "Mapping": stream_mapping(
                get("Stream"), MaximumRetryAttempts=2,
                FunctionResponseTypes=["ReportBatchItemFailures"],
            ),
        },
        Stream=ref("Stream"), Log=ref("ConsumerLog"),
    )  # fmt: skip
    put(cloud, stack.outputs["Stream"], "a", "b")
    found = until(lambda: seen(cloud, stack.outputs["Log"]), lambda s: len(s) == 3)
    put(cloud, stack.outputs["Stream"], "c")
    found = until(lambda: seen(cloud, stack.outputs["Log"]), lambda s: len(s) == 6)
    assert bodies(found) == [["a", "b"]] * 3 + [["c"]] * 3


def test_too_old_record_is_discarded_by_the_updated_limit(cloud: Cloud, deploy: Deploy) -> None:
    stack = deploy(
        {
            "Stream": STREAM, **consumer(), "Role": ROLE, "DeadLetters": QUEUE,
            "Mapping": stream_mapping(
                get("Stream"),
                DestinationConfig={"OnFailure": {"Destination": get("DeadLetters")}},
            ),
        },
        Stream=ref("Stream"), DeadLetters=ref("DeadLetters"),
        Mapping=ref("Mapping"), Log=ref("ConsumerLog"),
    )  # fmt: skip
    put(cloud, stack.outputs["Stream"], "bad")
    until(lambda: seen(cloud, stack.outputs["Log"]), lambda s: len(s) >= 3)
    assert not messages(cloud, stack.outputs["DeadLetters"]), "without a limit it is tried for ever"
    # AWS's least is 60.
    client(cloud, "lambda").update_event_source_mapping(
        UUID=stack.outputs["Mapping"], MaximumRecordAgeInSeconds=1
    )
    (failure,) = until(lambda: messages(cloud, stack.outputs["DeadLetters"]), bool)
    assert failure["requestContext"]["condition"] == "RecordAgeExceeded"
    # Or what is good might grow too old as well before it is looked at.
    client(cloud, "lambda").update_event_source_mapping(
        UUID=stack.outputs["Mapping"], MaximumRecordAgeInSeconds=-1
    )
    put(cloud, stack.outputs["Stream"], "good")
    found = until(lambda: seen(cloud, stack.outputs["Log"]), lambda s: s[-1].bodies == ["good"])
    assert found[-1].bodies == ["good"]


def test_failure_destination_is_written_to_under_the_functions_role(
    cloud: Cloud, deploy: Deploy
) -> None:
    stack = deploy(
        {
            "Stream": STREAM, **consumer(), "Role": role(*READ_STREAM, *LOG), "DeadLetters": QUEUE,
            "Mapping": stream_mapping(
                get("Stream"), MaximumRetryAttempts=0,
                DestinationConfig={"OnFailure": {"Destination": get("DeadLetters")}},
            ),
        },
        Stream=ref("Stream"), DeadLetters=ref("DeadLetters"),
        Log=ref("ConsumerLog"), Role=get("Role"),
    )  # fmt: skip
    put(cloud, stack.outputs["Stream"], "bad")
    denial = f"{stack.outputs['Role']} is not authorized to perform: sqs:SendMessage"
    assert denial in until(cloud.log.read_text, lambda log: denial in log)
    put(cloud, stack.outputs["Stream"], "good")
    found = until(lambda: seen(cloud, stack.outputs["Log"]), lambda s: len(s) == 2)
    assert bodies(found) == [["bad"], ["good"]]
    assert not messages(cloud, stack.outputs["DeadLetters"])

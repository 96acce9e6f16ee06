"""Functions that say what they were given, and words for looking at it from outside."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from emulator.cloud import Cloud
from emulator.polling import poll
from tests.support.small_stacks import Template, client, function, ref

T = TypeVar("T")

CODE = """
import base64, json, os, time

def read(record):
    if "kinesis" in record:
        kinesis = record["kinesis"]
        return base64.b64decode(kinesis["data"]).decode(), kinesis["sequenceNumber"]
    if "dynamodb" in record:
        return record["dynamodb"]["Keys"]["id"]["S"], record["dynamodb"]["SequenceNumber"]
    return record["body"], record["messageId"]

def handler(event, context):
    began = time.time()
    found = [read(record) for record in event["Records"]]
    time.sleep(float(os.environ.get("SECONDS", 0)))
    seen = {"bodies": [body for body, _ in found], "began": began, "ended": time.time(),
            "state": event.get("state"), "final": event.get("isFinalInvokeForWindow")}
    print("SEEN " + json.dumps(seen))
    bad = [identifier for body, identifier in found if body.startswith("bad")]
    if "ANSWERS" in os.environ:
        return json.loads(os.environ["ANSWERS"])
    if bad and "REPORTS" in os.environ:
        return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in bad]}
    if bad:
        raise ValueError(bad)
    if "state" in event:
        return {"state": {"n": event["state"].get("n", 0) + len(found)}}
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one invocation was given, and when it ran."""

    bodies: list[str]
    began: float
    ended: float
    state: Any
    final: Any

    def overlaps(self, other: "Seen") -> bool:
        return self.began < other.ended and other.began < self.ended


def consumer(name: str = "Consumer", **environment: str) -> dict[str, Template]:
    """A function with its log group."""
    declared = {
        "Environment": {"Variables": environment},
        "LoggingConfig": {"LogGroup": ref(f"{name}Log")},
    }
    return {
        f"{name}Log": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 1}},
        name: function("handler", Code={"ZipFile": CODE}, Timeout=20, **declared),
    }


def mapping(source: Any, name: str = "Consumer", **properties: Any) -> Template:
    return {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "FunctionName": ref(name),
            "EventSourceArn": source,
            **properties,
        },
    }


def stream_mapping(source: Any, name: str = "Consumer", **properties: Any) -> Template:
    return mapping(source, name, **{"StartingPosition": "TRIM_HORIZON", **properties})


TABLE: Template = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": {"StreamViewType": "NEW_IMAGE"},
    },
}
STREAM: Template = {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}}
QUEUE: Template = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 120}}
READ_STREAM = ("kinesis:DescribeStream", "kinesis:ListShards", "kinesis:GetShardIterator",
               "kinesis:GetRecords")  # fmt: skip
READ_TABLE = ("dynamodb:DescribeStream", "dynamodb:ListStreams", "dynamodb:GetShardIterator",
              "dynamodb:GetRecords")  # fmt: skip
READ_QUEUE = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
LOG = ("logs:CreateLogStream", "logs:PutLogEvents")


def until(found: Callable[[], T], enough: Callable[[T], bool], seconds: float = 60) -> T:
    """Return what is found as soon as it is enough, or what was found last."""
    answers: list[T] = []

    def is_enough() -> bool:
        answers[:] = [found()]
        return enough(answers[0])

    poll(is_enough, seconds=seconds)
    return answers[0]


def seen(cloud: Cloud, group: str) -> list[Seen]:
    """What the function with this log group was given so far, in order."""
    events = client(cloud, "logs").filter_log_events(logGroupName=group)["events"]
    messages = [event["message"] for event in events]
    found = [Seen(**json.loads(m.partition("SEEN ")[2])) for m in messages if "SEEN " in m]
    return sorted(found, key=lambda one: one.began)


def bodies(found: list[Seen]) -> list[list[str]]:
    return [one.bodies for one in found]


def all_of(found: list[Seen]) -> set[str]:
    return {body for one in found for body in one.bodies}


def denied(role: str, action: str, resource: str) -> str:
    return f"{role} is not authorized to perform: {action} on resource: {resource}"


def put(cloud: Cloud, stream: str, *records: str | tuple[str, str]) -> None:
    """Put records, or pairs of partition key and record, in one request."""
    pairs = [("k", one) if isinstance(one, str) else one for one in records]
    client(cloud, "kinesis").put_records(
        StreamName=stream, Records=[{"PartitionKey": key, "Data": data} for key, data in pairs]
    )


def messages(cloud: Cloud, queue: str) -> list[Any]:
    """Take what is in a queue."""
    sqs = client(cloud, "sqs")
    return [
        json.loads(message["Body"])
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get(
            "Messages", []
        )
    ]

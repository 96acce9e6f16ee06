"""Words for who hands what to whom, and for what arrives."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from emulator.cloud import Cloud
from emulator.polling import poll
from tests.support.small_stacks import Template, client, get, ref
from tests.support.waiting import TIMEOUT_SECONDS

Message = Mapping[str, Any]
T = TypeVar("T")


def queue(**properties: Any) -> Template:
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def fifo(name: str, **properties: Any) -> Template:
    return queue(QueueName=f"{name}.fifo", FifoQueue=True, **properties)


def queue_policy(service: str, *queues: str) -> Template:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": "*",
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {
        "Type": "AWS::SQS::QueuePolicy",
        "Properties": {"Queues": [ref(name) for name in queues], "PolicyDocument": document},
    }


def may_invoke(function: str, service: str) -> Template:
    return {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "FunctionName": get(function),
            "Action": "lambda:InvokeFunction",
            "Principal": f"{service}.amazonaws.com",
        },
    }


def eventually(look: Callable[[], T], *, seconds: float = TIMEOUT_SECONDS) -> T:
    """Return what `look` returns as soon as it is true, or what it returned last."""
    return poll(look, seconds=seconds)


def received(cloud: Cloud, url: str, count: int = 1) -> list[Message]:
    """The messages of a queue, as soon as there are that many; each is given once."""
    sqs = client(cloud, "sqs")
    found: list[Message] = []

    def receive() -> bool:
        answer = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=10 * TIMEOUT_SECONDS,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        found.extend(answer.get("Messages", []))
        return len(found) >= count

    eventually(receive)
    return found


def attributes(message: Message) -> dict[str, str]:
    return {k: v["StringValue"] for k, v in message["MessageAttributes"].items()}


def put(cloud: Cloud, bus: str, **entry: Any) -> str:
    """Put an event on a bus; return its id."""
    event = {
        "EventBusName": bus,
        "Source": "com.aws.orders",
        "DetailType": "Order Notification",
        "Detail": json.dumps({"category": "lab-supplies", "value": 415, "order": "o-7"}),
    }
    (result,) = client(cloud, "events").put_events(Entries=[{**event, **entry}])["Entries"]
    return str(result["EventId"])


def logged(cloud: Cloud, *words: str) -> bool:
    """Whether a line of the server's log has all the words."""
    return bool(
        eventually(
            lambda: [
                line
                for line in cloud.log.read_text().splitlines()
                if all(word in line for word in words)
            ]
        )
    )

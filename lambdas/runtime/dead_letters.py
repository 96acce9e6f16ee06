"""Dead-lettering by a function itself: what it can never process, whole and with the reason.

Lambda dead-letters too, but only what a function failed at again and again.
"""

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lambdas.runtime.aws import client
from lambdas.runtime.settings import setting

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient


Record = Mapping[str, Any]
MAX_REASON = 1_000
MAX_ATTRIBUTES = 10
MAX_MESSAGE_BYTES = 1_048_576
"""The limits of an SQS message: how many attributes it has, and how large it is with these.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""


class DeadLetterQueue:
    """A function's own dead-letter queue."""

    def __init__(self, url: str, *, sqs: "SQSClient") -> None:
        """``url`` is the queue's, ``sqs`` boto3's client."""
        self._url = url
        self._sqs = sqs

    def send_event(self, event: Mapping[str, Any], *, reason: str) -> None:
        """Send an invocation's event with its reason to a standard queue."""
        self._send({"reason": printable(reason), "event": event})

    def send_record(self, record: Record, *, reason: str) -> None:
        """Send a stream's record with its reason to a standard queue.

        A record cannot be put back into its stream, so a FIFO queue would keep no useful order.
        """
        self._send({"reason": printable(reason), "record": record})

    def send_message(self, record: Record, *, reason: str) -> None:
        """Send a message of a FIFO queue unchanged to a FIFO queue, the reason as an attribute.

        A redrive then restores the message. Its deduplication id stays the same, so a message that
        is dead-lettered again after a crash is on the queue once.
        """
        attributes = record["attributes"]
        self._sqs.send_message(
            QueueUrl=self._url,
            MessageBody=record["body"],
            MessageGroupId=attributes["MessageGroupId"],
            MessageDeduplicationId=attributes["MessageDeduplicationId"],
            MessageAttributes=with_reason(_attributes(record), reason, body=record["body"]),
        )

    def _send(self, content: Mapping[str, Any]) -> None:
        self._sqs.send_message(QueueUrl=self._url, MessageBody=json.dumps(content, default=str))


def make_dead_letter_queue() -> DeadLetterQueue:
    """Make a function's dead-letter queue from its setting DEAD_LETTER_QUEUE_URL."""
    return DeadLetterQueue(setting("DEAD_LETTER_QUEUE_URL"), sqs=client("sqs"))


def printable(reason: str) -> str:
    """Return a reason with special characters escaped, cut to ``MAX_REASON`` characters.

    A reason quotes what was found. SQS refuses control characters in attributes.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
    """
    shown = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in reason[:MAX_REASON]
    )
    return shown if len(shown) <= MAX_REASON else f"{shown[: MAX_REASON - 1]}…"


def with_reason(attributes: Mapping[str, Any], reason: str, *, body: str) -> dict[str, Any]:
    """Return a message's attributes with the reason, or without where SQS has no room for it."""
    added: dict[str, Any] = {
        **attributes,
        "reason": {"DataType": "String", "StringValue": printable(reason) or "unknown"},
    }
    if len(added) > MAX_ATTRIBUTES or _size(body, added) > MAX_MESSAGE_BYTES:
        return dict(attributes)
    return added


def _size(body: str, attributes: Mapping[str, Any]) -> int:
    texts = [body, *attributes]
    for value in attributes.values():
        texts += [value["DataType"], value.get("StringValue", "")]
    binaries = [value.get("BinaryValue", b"") for value in attributes.values()]
    return sum(len(text.encode()) for text in texts) + sum(map(len, binaries))


def _attributes(record: Record) -> dict[str, Any]:
    """Return a record's attributes in the form that SQS takes."""
    return {
        name: {"DataType": value["dataType"], **_attribute_value(value)}
        for name, value in record.get("messageAttributes", {}).items()
    }


def _attribute_value(value: Mapping[str, Any]) -> dict[str, Any]:
    if "stringValue" in value:
        return {"StringValue": value["stringValue"]}
    return {"BinaryValue": base64.b64decode(value["binaryValue"])}

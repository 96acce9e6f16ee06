"""Dead-lettering by a function itself: what it can never process, whole and with the reason.

Lambda dead-letters too, but only what a function failed at again and again.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lambdas.runtime.aws import client
from lambdas.runtime.settings import setting

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient


Record = Mapping[str, Any]


class DeadLetterQueue:
    """A function's own dead-letter queue."""

    def __init__(self, url: str, *, sqs: "SQSClient") -> None:
        """``url`` is the queue's, ``sqs`` boto3's client."""
        self._url = url
        self._sqs = sqs

    def send_event(self, event: Mapping[str, Any], *, reason: str) -> None:
        """Send an invocation's event with its reason to a standard queue."""
        self._send({"reason": reason, "event": event})

    def send_record(self, record: Record, *, reason: str) -> None:
        """Send a stream's record with its reason to a standard queue.

        A record cannot be put back into its stream, so a FIFO queue would keep no useful order.
        """
        self._send({"reason": reason, "record": record})

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
            MessageAttributes={
                **_text_attributes(record),
                "reason": {"DataType": "String", "StringValue": reason},
            },
        )

    def _send(self, content: Mapping[str, Any]) -> None:
        self._sqs.send_message(QueueUrl=self._url, MessageBody=json.dumps(content, default=str))


def make_dead_letter_queue() -> DeadLetterQueue:
    """Make a function's dead-letter queue from its setting DEAD_LETTER_QUEUE_URL."""
    return DeadLetterQueue(setting("DEAD_LETTER_QUEUE_URL"), sqs=client("sqs"))


def _text_attributes(record: Record) -> dict[str, Any]:
    """Return a record's text attributes in the form that SQS takes."""
    return {
        name: {"DataType": value["dataType"], "StringValue": value["stringValue"]}
        for name, value in record.get("messageAttributes", {}).items()
        if "stringValue" in value
    }

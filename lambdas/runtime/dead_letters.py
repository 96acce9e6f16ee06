"""Dead-lettering by a function itself: records that it can never process, with the reason.

Lambda dead-letters only what a function has failed at repeatedly.
"""

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lambdas.contracts.text import printable
from lambdas.runtime.aws import client
from lambdas.runtime.settings import setting

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient


Record = Mapping[str, Any]
MAX_ATTRIBUTES = 10
MAX_MESSAGE_BYTES = 1_048_576
"""The limits of an SQS message: how many attributes it has, and how large it is with these.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""
PLACE = (
    *("id", "source", "detail-type", "time"),
    *("eventID", "eventName", "eventSource", "eventSourceARN"),
    *("dynamodb", "Keys", "SequenceNumber", "kinesis", "sequenceNumber", "partitionKey"),
)
"""The fields of an event or a record that say what it is and where it still is."""


class DeadLetterQueue:
    """A function's own dead-letter queue."""

    def __init__(self, url: str, *, sqs: "SQSClient") -> None:
        """``url`` is the queue's URL, ``sqs`` boto3's client."""
        self._url = url
        self._sqs = sqs

    def send_event(self, event: Mapping[str, Any], *, reason: str) -> None:
        """Send the event of an asynchronous invocation, with the reason, to a standard queue."""
        self._send("event", event, reason)

    def send_record(self, record: Record, *, reason: str) -> None:
        """Send a stream's record, with the reason, to a standard queue.

        A record cannot be put back into its stream, so the order that a FIFO queue keeps has no
        use. One that is too large for a message is still in its row or stream: where, is sent.
        """
        self._send("record", record, reason)

    def send_message(self, record: Record, *, reason: str) -> None:
        """Send a message of a FIFO queue, unchanged, to a FIFO queue; the reason is an attribute.

        So a redrive can restore the message. Its deduplication id stays the same: a message that is
        dead-lettered again after a crash is in the queue once.
        """
        attributes = record["attributes"]
        self._sqs.send_message(
            QueueUrl=self._url,
            MessageBody=record["body"],
            MessageGroupId=attributes["MessageGroupId"],
            MessageDeduplicationId=attributes["MessageDeduplicationId"],
            MessageAttributes=with_reason(_attributes(record), reason, body=record["body"]),
        )

    def _send(self, kind: str, whole: Mapping[str, Any], reason: str) -> None:
        """Send it whole; only its place if it is too large for a message.

        A stream's record may be: it has two images of a row, or base64, and JSON escapes letters.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-items
        https://docs.aws.amazon.com/streams/latest/dev/large-records.html
        """
        content = {"reason": printable(reason), kind: whole}
        body = json.dumps(content, default=str)
        if len(body) > MAX_MESSAGE_BYTES:
            body = json.dumps(content | {kind: _place_of(whole), "too_large": len(body)})
        self._sqs.send_message(QueueUrl=self._url, MessageBody=body)


def _place_of(whole: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _place_of(value) if name in ("dynamodb", "kinesis") else value
        for name, value in whole.items()
        if name in PLACE
    }


def make_dead_letter_queue() -> DeadLetterQueue:
    """Make a function's dead-letter queue from its setting DEAD_LETTER_QUEUE_URL."""
    return DeadLetterQueue(setting("DEAD_LETTER_QUEUE_URL"), sqs=client("sqs"))


def with_reason(attributes: Mapping[str, Any], reason: str, *, body: str) -> dict[str, Any]:
    """Return the attributes with the reason, or without it if SQS has no room for it."""
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
    """Return a record's message attributes in the form that SendMessage takes."""
    return {
        name: {"DataType": value["dataType"], **_attribute_value(value)}
        for name, value in record.get("messageAttributes", {}).items()
    }


def _attribute_value(value: Mapping[str, Any]) -> dict[str, Any]:
    if "stringValue" in value:
        return {"StringValue": value["stringValue"]}
    return {"BinaryValue": base64.b64decode(value["binaryValue"])}

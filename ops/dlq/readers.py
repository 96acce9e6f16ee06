"""Queues and buckets that hold failed work: looked into without taking anything, and taken from.

Looking means receiving and giving back: SQS has no other way. A parking queue has no redrive policy
of its own, so it matters to nobody how often a message was received. While somebody looks, others
do not see what he holds; when he is done, or interrupted, it is back at once, and at the latest
after ``VISIBILITY_TIMEOUT``.

Of a FIFO queue, SQS gives out ten messages of a group at a time, and no more of them until these
are back or deleted. So at most the first ten of a group can be seen; how many are behind them is
known. To receive them for no time at all would show the same ten again.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol

from ops.dlq.decode import RawMessage
from ops.dlq.failure_sinks import FailureSink
from ops.dlq.templates import QUEUE

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient


BATCH_SIZE = 10
VISIBILITY_TIMEOUT = 600
"""Seconds until what was taken and not given back is there again."""
WAIT_SECONDS = 1
"""Seconds: a long poll asks all of SQS's servers, so an empty answer means that there is nothing.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """How much is there, and how much of it somebody holds just now; SQS tells it roughly.

    ``measured_at`` is when that was, by the service's own clock, to the second that has begun.
    """

    visible: int
    in_flight: int = 0
    measured_at: datetime = field(compare=False)

    @property
    def total(self) -> int:
        """Both together."""
        return self.visible + self.in_flight


LeasedMessages = Generator[RawMessage, None, None]
"""To be closed, so that what was taken is given back: ``with closing(reader.lease_messages())``."""


class SinkReader(Protocol):
    """A place's contents."""

    def depth(self) -> Depth:
        """How much there is."""

    def lease_messages(self) -> LeasedMessages:
        """Each message once; what is not deleted is there again when this ends."""

    def delete(self, message: RawMessage) -> None:
        """Delete a message that was taken."""


@dataclass(slots=True)
class QueueReader:
    """A queue, by its URL; ``sqs`` is boto3's client."""

    url: str
    sqs: "SQSClient" = field(repr=False)

    def depth(self) -> Depth:
        """How much there is."""
        answer = self.sqs.get_queue_attributes(
            QueueUrl=self.url,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
            ],
        )
        visible = int(answer["Attributes"]["ApproximateNumberOfMessages"])
        in_flight = int(answer["Attributes"]["ApproximateNumberOfMessagesNotVisible"])
        return Depth(visible=visible, in_flight=in_flight, measured_at=_date(answer))

    def lease_messages(self) -> LeasedMessages:
        """Each message once; what is not deleted is there again when this ends."""
        handles: dict[str, str] = {}
        try:
            while received := self._receive():
                new = [each for each in received if each["MessageId"] not in handles]
                handles |= {each["MessageId"]: each["ReceiptHandle"] for each in received}
                if not new:
                    # Our own leases run out: all that there is was seen.
                    return
                for each in new:
                    yield _message(each)
        finally:
            self._release(list(handles.values()))

    def delete(self, message: RawMessage) -> None:
        """Delete a message that was taken."""
        self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message.receipt_handle)

    def _receive(self) -> Sequence[Any]:
        answer = self.sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=BATCH_SIZE,
            VisibilityTimeout=VISIBILITY_TIMEOUT,
            WaitTimeSeconds=WAIT_SECONDS,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        return list(answer.get("Messages", []))

    def _release(self, handles: Sequence[str]) -> None:
        """Let others see them again; of those that are deleted, SQS says that it cannot."""
        for at in range(0, len(handles), BATCH_SIZE):
            self.sqs.change_message_visibility_batch(
                QueueUrl=self.url,
                Entries=[
                    {"Id": str(i), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                    for i, handle in enumerate(handles[at : at + BATCH_SIZE])
                ],
            )


@dataclass(slots=True)
class BucketReader:
    """A bucket, by its name; ``s3`` is boto3's client. Nobody can hold what is in it."""

    name: str
    s3: "S3Client" = field(repr=False)

    def depth(self) -> Depth:
        """How much there is."""
        pages = list(self._pages())
        visible = sum(len(page.get("Contents", [])) for page in pages)
        return Depth(visible=visible, measured_at=_date(pages[0]))

    def lease_messages(self) -> LeasedMessages:
        """Each object once, in the order of their names."""
        for each in self._objects():
            try:
                content = self.s3.get_object(Bucket=self.name, Key=each["Key"])["Body"].read()
            except self.s3.exceptions.NoSuchKey:
                # Somebody else put it back meanwhile.
                continue
            yield RawMessage(
                id=each["Key"],
                body=content.decode(errors="replace"),
                sent_at=each["LastModified"].astimezone(UTC),
            )

    def delete(self, message: RawMessage) -> None:
        """Delete an object."""
        self.s3.delete_object(Bucket=self.name, Key=message.id)

    def _objects(self) -> Iterator[Any]:
        for page in self._pages():
            yield from page.get("Contents", [])

    def _pages(self) -> Iterator[Any]:
        yield from self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.name)


def reader_for(sink: FailureSink, client: Any) -> SinkReader:
    """A place's contents; ``client`` makes boto3's client of a service."""
    if sink.resource.kind == QUEUE:
        return QueueReader(sink.resource.physical, client("sqs"))
    return BucketReader(sink.resource.physical, client("s3"))


def _date(answer: Any) -> datetime:
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])


def _message(received: Any) -> RawMessage:
    system = received.get("Attributes", {})
    return RawMessage(
        id=received["MessageId"],
        body=received["Body"],
        sent_at=datetime.fromtimestamp(int(system["SentTimestamp"]) / 1000, UTC),
        receipt_handle=received["ReceiptHandle"],
        attributes={
            name: value["StringValue"]
            for name, value in received.get("MessageAttributes", {}).items()
            if "StringValue" in value
        },
        group_id=system.get("MessageGroupId", ""),
        source_queue_arn=system.get("DeadLetterQueueSourceArn", ""),
    )

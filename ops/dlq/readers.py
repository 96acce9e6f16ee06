"""Read and delete the messages of queues and the objects of buckets that hold failed work.

To read a queue is to receive its messages and return them: SQS has no other way. A dead-letter
queue has no redrive policy of its own, so it does not matter how often a message is received. While
a reader leases messages, other consumers do not see them. The reader returns them when it is done
or interrupted; otherwise SQS does so after ``VISIBILITY_TIMEOUT``.

SQS delivers ten messages of a FIFO queue's group at a time, and no more until these are deleted or
returned. So only the first ten of a group can be seen; the queue's depth says how many follow. A
visibility timeout of 0 would not help: SQS would deliver the same ten again.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
"""

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol

from ops.deployed import OperationError
from ops.dlq.decode import RawMessage
from ops.dlq.failure_sinks import FailureSink
from ops.dlq.templates import QUEUE, Resource

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient


BATCH_SIZE = 10
VISIBILITY_TIMEOUT = 600
"""Seconds after which others see a message again that was not given back."""
WAIT_SECONDS = 1
"""Seconds. A long poll asks all of SQS's servers, so an empty answer means an empty queue.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """The number of messages in a sink. SQS's numbers are approximate."""

    visible: int
    in_flight: int = 0
    """How many messages others have leased."""
    measured_at: datetime = field(compare=False)
    """When, by the service's own clock, in whole seconds."""

    @property
    def total(self) -> int:
        """Visible messages and those in flight together."""
        return self.visible + self.in_flight


LeasedMessages = Generator[RawMessage, None, None]
"""Close it to give the messages back: ``with closing(reader.lease_messages())``."""


class SinkReader(Protocol):
    """Reads a failure sink."""

    def depth(self) -> Depth:
        """Return the number of messages in the sink."""

    def lease_messages(self) -> LeasedMessages:
        """Yield each message once. At the end, return those that were not deleted to the sink."""

    def delete(self, message: RawMessage) -> None:
        """Delete a leased message."""


@dataclass(slots=True)
class QueueReader:
    """Reads a queue, by its URL."""

    url: str
    sqs: "SQSClient" = field(repr=False)

    def depth(self) -> Depth:
        """Return the numbers of visible messages and of those in flight, as SQS estimates them."""
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
        """Yield each message once. At the end, return those that were not deleted to the queue."""
        handles: dict[str, str] = {}

        def receive() -> Sequence[Any]:
            received = self._receive()
            new = [each for each in received if each["MessageId"] not in handles]
            handles.update({each["MessageId"]: each["ReceiptHandle"] for each in received})
            return new

        # A request that an interruption cuts off may still lease messages, and nobody would have
        # their handles. So it is made by a thread, and its answer is awaited.
        requests = ThreadPoolExecutor(1)
        try:
            # Nothing new: the queue is empty, or the first leases have expired and all were seen.
            while new := requests.submit(receive).result():
                for each in new:
                    yield _message(each)
        finally:
            requests.shutdown()
            self._release(list(handles.values()))

    def delete(self, message: RawMessage) -> None:
        """Delete a leased message."""
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
        """Return messages to the queue. SQS ignores those that were deleted."""
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
    """Reads a bucket, by its name. Objects cannot be leased."""

    name: str
    s3: "S3Client" = field(repr=False)

    def depth(self) -> Depth:
        """Return the number of objects in the bucket."""
        pages = list(self._pages())
        visible = sum(len(page.get("Contents", [])) for page in pages)
        return Depth(visible=visible, measured_at=_date(pages[0]))

    def lease_messages(self) -> LeasedMessages:
        """Yield each object once, in the order of their names."""
        for each in self._objects():
            try:
                content = self.s3.get_object(Bucket=self.name, Key=each["Key"])["Body"].read()
            except self.s3.exceptions.NoSuchKey:
                # Another process has deleted the object meanwhile.
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


class NotDeployedError(OperationError):
    """The template has the sink, and its stack has not made it yet."""


@dataclass(frozen=True, slots=True)
class MissingReader:
    """Stands for a queue or bucket that is not made yet."""

    resource: Resource

    def depth(self) -> Depth:
        """Raise the error that says so."""
        at = self.resource
        raise NotDeployedError(f"{at.name} is not made yet: finish the deployment of {at.stack}")

    def lease_messages(self) -> LeasedMessages:
        """Raise the error that says so."""
        yield from ()
        self.depth()

    def delete(self, message: RawMessage) -> None:
        """Raise the error that says so."""
        self.depth()


def reader_for(sink: FailureSink, client: Any) -> SinkReader:
    """Return the reader of a sink; ``client`` makes boto3's client of a service."""
    return reader_of(sink.resource, client)


def reader_of(resource: Resource, client: Any) -> SinkReader:
    """Return the reader of a queue or bucket."""
    if not resource.physical:
        return MissingReader(resource)
    if resource.kind == QUEUE:
        return QueueReader(resource.physical, client("sqs"))
    return BucketReader(resource.physical, client("s3"))


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

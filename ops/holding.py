"""Queues and buckets that hold failed work: looked into without taking anything, and taken from.

Looking means receiving and giving back: SQS has no other way. A parking queue has no redrive policy
of its own, so it matters to nobody how often a message was received. While somebody looks, others
do not see what he holds; when he is done, or interrupted, it is back at once, and at the latest
after ``LEASE``.

Of a FIFO queue, SQS gives out ten messages of a group at a time, and no more of them until these
are back or deleted. So at most the first ten of a group can be seen; how many are behind them is
known. To receive them for no time at all would show the same ten again.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from ops.places import QUEUE, Place
from ops.records import Message

BATCH = 10
LEASE = 600
"""Seconds until what was taken and not given back is there again."""
POLL = 1
"""Seconds: a long poll asks all of SQS's servers, so an empty answer means that there is nothing.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """How much is there, and how much of it somebody holds just now; SQS tells it roughly.

    ``at`` is when that was, by the service's own clock, to the second that has begun.
    """

    there: int
    held: int = 0
    at: datetime = field(compare=False)

    @property
    def all(self) -> int:
        """Both together."""
        return self.there + self.held


Messages = Generator[Message, None, None]
"""To be closed, so that what was taken is given back: ``with closing(holder.taking())``."""


class Holder(Protocol):
    """A place's contents."""

    def depth(self) -> Depth:
        """How much there is."""

    def taking(self) -> Messages:
        """Each message once; what is not deleted is there again when this ends."""

    def delete(self, message: Message) -> None:
        """Delete a message that was taken."""


@dataclass(slots=True)
class Queue:
    """A queue, by its URL; ``sqs`` is boto3's client."""

    url: str
    sqs: Any = field(repr=False)

    def depth(self) -> Depth:
        """How much there is."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        answer = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=list(names))
        there, held = (int(answer["Attributes"][name]) for name in names)
        return Depth(there=there, held=held, at=_date(answer))

    def taking(self) -> Messages:
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
            self._give_back(list(handles.values()))

    def delete(self, message: Message) -> None:
        """Delete a message that was taken."""
        self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message.handle)

    def _receive(self) -> Sequence[Any]:
        answer = self.sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=BATCH,
            VisibilityTimeout=LEASE,
            WaitTimeSeconds=POLL,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        return list(answer.get("Messages", []))

    def _give_back(self, handles: Sequence[str]) -> None:
        """Let others see them again; of those that are deleted, SQS says that it cannot."""
        for at in range(0, len(handles), BATCH):
            self.sqs.change_message_visibility_batch(
                QueueUrl=self.url,
                Entries=[
                    {"Id": str(i), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                    for i, handle in enumerate(handles[at : at + BATCH])
                ],
            )


@dataclass(slots=True)
class Bucket:
    """A bucket, by its name; ``s3`` is boto3's client. Nobody can hold what is in it."""

    name: str
    s3: Any = field(repr=False)

    def depth(self) -> Depth:
        """How much there is."""
        pages = list(self._pages())
        there = sum(len(page.get("Contents", [])) for page in pages)
        return Depth(there=there, at=_date(pages[0]))

    def taking(self) -> Messages:
        """Each object once, in the order of their names."""
        for each in self._objects():
            try:
                content = self.s3.get_object(Bucket=self.name, Key=each["Key"])["Body"].read()
            except self.s3.exceptions.NoSuchKey:
                # Somebody else put it back meanwhile.
                continue
            yield Message(
                id=each["Key"],
                body=content.decode(errors="replace"),
                since=each["LastModified"].astimezone(UTC),
            )

    def delete(self, message: Message) -> None:
        """Delete an object."""
        self.s3.delete_object(Bucket=self.name, Key=message.id)

    def _objects(self) -> Iterator[Any]:
        for page in self._pages():
            yield from page.get("Contents", [])

    def _pages(self) -> Iterator[Any]:
        yield from self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.name)


def holder(place: Place, client: Any) -> Holder:
    """A place's contents; ``client`` makes boto3's client of a service."""
    if place.resource.kind == QUEUE:
        return Queue(place.resource.physical, client("sqs"))
    return Bucket(place.resource.physical, client("s3"))


def _date(answer: Any) -> datetime:
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])


def _message(received: Any) -> Message:
    system = received.get("Attributes", {})
    return Message(
        id=received["MessageId"],
        body=received["Body"],
        since=datetime.fromtimestamp(int(system["SentTimestamp"]) / 1000, UTC),
        handle=received["ReceiptHandle"],
        attributes={
            name: value["StringValue"]
            for name, value in received.get("MessageAttributes", {}).items()
            if "StringValue" in value
        },
        group=system.get("MessageGroupId", ""),
        source=system.get("DeadLetterQueueSourceArn", ""),
    )

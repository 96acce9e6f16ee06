"""Looking into queues and buckets takes nothing away, and shows each thing once."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from ops.dlq import readers
from ops.dlq.purge import find_messages
from ops.dlq.readers import BucketReader, Depth, QueueReader, SinkReader
from tests.integration.local_aws import session
from tests.support.handlers import ACCOUNT

NAMES = [f"m{number:02}" for number in range(23)]
BUCKETS = count(1)


def client(endpoint: str, service: Any) -> Any:
    return session().client(service, endpoint_url=endpoint)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A single server knows at once that it has nothing more."""
    monkeypatch.setattr(readers, "WAIT_SECONDS", 0)


@pytest.fixture(scope="module")
def sqs(endpoint: str) -> Any:
    return client(endpoint, "sqs")


@pytest.fixture(scope="module")
def make_queue(sqs: Any) -> Callable[..., QueueReader]:
    numbers = count(1)

    def make(*bodies: str, group_id: str = "") -> QueueReader:
        fifo = {"FifoQueue": "true"} if group_id else {}
        name = f"dead-letters-{next(numbers)}{'.fifo' if group_id else ''}"
        url = sqs.create_queue(QueueName=name, Attributes=fifo)["QueueUrl"]
        for body in bodies:
            ordered = (
                {"MessageGroupId": group_id, "MessageDeduplicationId": body} if group_id else {}
            )
            said = {"reason": {"DataType": "String", "StringValue": "why"}}
            sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=said, **ordered)
        return QueueReader(url, sqs)

    return make


@pytest.fixture
def bucket(endpoint: str) -> BucketReader:
    s3 = client(endpoint, "s3")
    where = {"LocationConstraint": ACCOUNT["AWS_DEFAULT_REGION"]}
    bucket = f"given-up-{next(BUCKETS)}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
    for name in NAMES:
        s3.put_object(Bucket=bucket, Key=f"aws/lambda/{name}", Body=name.encode())
    return BucketReader(bucket, s3)


def depth(there: int) -> Depth:
    return Depth(visible=there, measured_at=datetime.now(UTC))


def recent(reader: SinkReader) -> bool:
    """Whether it knows what time it is, by its service's clock."""
    return abs(reader.depth().measured_at - datetime.now(UTC)) < timedelta(seconds=10)


def seen(reader: SinkReader) -> list[str]:
    with closing(reader.lease_messages()) as messages:
        return [message.body for message in messages]


def test_every_message_of_a_queue_is_read_once_and_given_back(
    make_queue: Callable[..., QueueReader],
):
    queue = make_queue(*NAMES)

    for _ in range(2):
        assert sorted(seen(queue)) == NAMES
        assert queue.depth() == depth(23)


def test_attributes_and_group_of_a_message_are_read(make_queue: Callable[..., QueueReader]):
    queue = make_queue("m", group_id="A")

    with closing(queue.lease_messages()) as messages:
        (message,) = messages

    assert (message.attributes, message.group_id) == ({"reason": "why"}, "A")


def test_interrupted_reader_gives_messages_back(make_queue: Callable[..., QueueReader]):
    queue = make_queue(*NAMES)

    with closing(queue.lease_messages()) as messages:
        next(messages)
        assert queue.depth().in_flight == 10

    assert queue.depth() == depth(23)


def test_group_is_read_in_order_and_deleted(make_queue: Callable[..., QueueReader]):
    queue = make_queue(*NAMES, group_id="A")

    taken: list[str] = []
    with closing(queue.lease_messages()) as messages:
        for message in messages:
            taken.append(message.body)
            queue.delete(message)

    assert taken == NAMES
    assert recent(queue)
    assert queue.depth() == depth(0)


def test_first_ten_of_a_group_are_read_and_given_back(
    make_queue: Callable[..., QueueReader],
):
    queue = make_queue(*NAMES, group_id="A")

    found = seen(queue)

    assert found == NAMES[: len(found)]
    assert len(found) >= 10
    assert queue.depth() == depth(23)


def test_every_object_of_a_bucket_is_read_and_deleted_ones_are_gone(bucket: BucketReader):
    assert seen(bucket) == NAMES
    assert recent(bucket)
    assert bucket.depth() == depth(23)

    with closing(bucket.lease_messages()) as messages:
        bucket.delete(next(messages))

    assert seen(bucket) == NAMES[1:]


def test_object_deleted_meanwhile_is_skipped(bucket: BucketReader):
    with closing(bucket.lease_messages()) as messages:
        first, second = next(messages), replace(next(messages), id=f"aws/lambda/{NAMES[2]}")
        bucket.delete(second)
        others = [message.body for message in messages]

    assert (first.body, others) == (NAMES[0], NAMES[3:])


def test_purge_deletes_one_message_and_gives_the_others_back(
    make_queue: Callable[..., QueueReader],
):
    queue = make_queue(*NAMES)
    with closing(queue.lease_messages()) as messages:
        chosen = next(message.id for message in messages if message.body == NAMES[20])

    with closing(queue.lease_messages()) as messages:
        for message in find_messages(messages, [chosen]):
            queue.delete(message)

    assert sorted(seen(queue)) == [name for name in NAMES if name != NAMES[20]]

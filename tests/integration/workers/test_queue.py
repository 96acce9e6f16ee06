"""The queue against an SQS of its own."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from tests.integration.local_aws import session
from tests.support.doubles import ClientDouble
from tests.support.spy import Spy
from workers.runtime.queue import Queue

Make = Callable[..., Queue]


@pytest.fixture(scope="module")
def sqs(endpoint: str) -> Any:
    return session().client("sqs", endpoint_url=endpoint)


@pytest.fixture(scope="module")
def urls(sqs: Any) -> Callable[[str], tuple[str, str]]:
    numbers = count()

    def make(suffix: str) -> tuple[str, str]:
        attributes = {"FifoQueue": "true"} if suffix else {}
        number = next(numbers)
        first, second = (
            sqs.create_queue(QueueName=f"{name}-{number}{suffix}", Attributes=attributes)[
                "QueueUrl"
            ]
            for name in ("work", "dead-letters")
        )
        return first, second

    return make


def queue(urls: tuple[str, str], sqs: Any) -> Queue:
    return Queue(urls[0], dead_letter_url=urls[1], wait=0, lease=30, sqs=sqs)


def test_received_message_is_hidden_until_its_visibility_is_reset(sqs: Any, urls: Any):
    pair = urls("")
    mine = queue(pair, sqs)
    for body in ("a", "b"):
        sqs.send_message(QueueUrl=pair[0], MessageBody=body)

    messages = mine.receive()
    assert {message.body for message in messages} == {"a", "b"}
    assert [message.group for message in messages] == [None, None]
    assert mine.receive() == []

    assert mine.set_visibility(messages, seconds=0) == []
    again = mine.receive()
    assert {message.body for message in again} == {"a", "b"}
    assert mine.delete(again) == []
    assert mine.receive() == []


def test_no_message_is_no_request(sqs: Any, urls: Any):
    """SQS refuses an empty batch."""
    made: list[str] = []

    assert queue(urls(""), Spy(sqs, made.append)).delete([]) == []

    assert made == []


def test_message_group_comes_in_order_and_blocks_no_other(sqs: Any, urls: Any):
    pair = urls(".fifo")
    mine = queue(pair, sqs)
    for i, (group, body) in enumerate([("A", "a1"), ("B", "b1"), ("A", "a2")]):
        sqs.send_message(
            QueueUrl=pair[0], MessageBody=body, MessageGroupId=group, MessageDeduplicationId=str(i)
        )

    messages = mine.receive()
    assert [m.body for m in messages if m.group == "A"] == ["a1", "a2"]
    assert [m.body for m in messages if m.group == "B"] == ["b1"]


@pytest.mark.parametrize("suffix", ["", ".fifo"])
def test_poison_is_dead_lettered_whole_with_its_reason(sqs: Any, urls: Any, suffix: str):
    pair = urls(suffix)
    mine = queue(pair, sqs)
    fifo = {"MessageGroupId": "A", "MessageDeduplicationId": "1"} if suffix else {}
    before = {"redriven": {"DataType": "Number", "StringValue": "1"}}
    sqs.send_message(QueueUrl=pair[0], MessageBody="poison", MessageAttributes=before, **fifo)
    (message,) = mine.receive()

    mine.dead_letter(message, reason="it makes no sense")

    (dead_letter,) = sqs.receive_message(
        QueueUrl=pair[1],
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["MessageGroupId"],
    )["Messages"]
    assert dead_letter["Body"] == "poison"
    assert dead_letter["MessageAttributes"]["reason"]["StringValue"] == "it makes no sense"
    assert dead_letter["MessageAttributes"]["redriven"]["StringValue"] == "1"
    assert dead_letter.get("Attributes", {}).get("MessageGroupId") == ("A" if suffix else None)


def test_failed_batch_entries_are_returned(sqs: Any, urls: Any):
    pair = urls("")
    mine = queue(pair, sqs)
    for body in ("a", "b"):
        sqs.send_message(QueueUrl=pair[0], MessageBody=body)
    first, second = mine.receive()

    class Refusing:
        def delete_message_batch(self, **request: Any) -> Any:
            assert len(request["Entries"]) == 2
            return {"Successful": [{"Id": "0"}], "Failed": [{"Id": "1", "Code": "InternalError"}]}

    refused = Queue(pair[0], dead_letter_url=pair[1], wait=0, lease=30, sqs=_with(sqs, Refusing()))
    assert refused.delete([first, second]) == [second]


def _with(sqs: Any, other: Any) -> Any:
    class Client(ClientDouble):
        def __getattr__(self, name: str) -> Any:
            return getattr(other, name, None) or getattr(sqs, name)

    return Client()

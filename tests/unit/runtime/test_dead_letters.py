"""What a function dead-letters itself: SQS takes it, whatever was found and whatever the reason."""

import base64
import json
import re
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.contracts.inventory import STOCK_EVENTS, StockChanged
from lambdas.contracts.order_stream import ORDER_STREAM_EVENTS
from lambdas.contracts.parsing import parse_event, parse_event_if_known
from lambdas.contracts.text import MAX_REASON, printable
from lambdas.runtime.consumer import BatchConsumer, StreamConsumer
from lambdas.runtime.dead_letters import (
    MAX_ATTRIBUTES,
    MAX_MESSAGE_BYTES,
    DeadLetterQueue,
    with_reason,
)
from tests.contracts.catalog import EVENTS, detail_of, read, sample_of
from tests.support.aws_fakes import FakeSqs, records
from tests.support.doubles import ClientDouble
from workers.runtime.queue import Message, Queue

ALLOWED = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""


class StrictSqs(FakeSqs):
    """Refuses what SQS refuses of a message."""

    def send_message(self, **message: Any) -> None:
        texts = [message["MessageBody"]]
        for value in message.get("MessageAttributes", {}).values():
            texts.append(value.get("StringValue", ""))
            assert value.get("StringValue") or value.get("BinaryValue")
        assert all(ALLOWED.fullmatch(text) for text in texts)
        assert len(message.get("MessageAttributes", {})) <= 10
        assert sum(len(text.encode()) for text in texts) <= 1_048_576
        super().send_message(**message)


def fifo(body: str, **more: Any) -> dict[str, Any]:
    (record,) = records(("A", body))
    return record | more


def process(*batch: dict[str, Any]) -> tuple[Any, StrictSqs, list[str]]:
    sqs, handled = StrictSqs(), list[str]()
    consumer: BatchConsumer[Any] = BatchConsumer(
        parse=partial(parse_event, STOCK_EVENTS),
        handle=lambda events: handled.extend(event.data.sku for event in events),
        dead_letters=DeadLetterQueue("dead-letters", sqs=sqs),
    )
    return consumer.process(batch), sqs, handled


def test_reason_with_control_characters_is_escaped():
    body = '{"source": "s", "detail_type": "a\\u0000\\u001b[2J\\u202eb"}'

    outcome, sqs, _ = process(fifo(body))

    assert (outcome.dead_lettered, outcome.failed) == (1, [])
    assert r"a\x00\x1b[2J\u202eb of s" in sqs.reasons[0]
    assert sqs.sent[0]["MessageBody"] == body


def test_long_reason_is_cut():
    assert printable("\x00" * 5_000) == r"\x00" * 249 + r"\x0" + "…"
    assert len(printable("\x00" * 5_000)) == MAX_REASON


def test_reason_of_the_greatest_length_is_whole():
    assert printable("é" * MAX_REASON) == "é" * MAX_REASON
    assert len(printable("\x1b" * MAX_REASON)) == MAX_REASON


def test_missing_reason_is_unknown():
    assert with_reason({}, "", body="")["reason"]["StringValue"] == "unknown"


def test_message_with_room_for_exactly_the_reason_has_it():
    nine = {f"a{i}": {"DataType": "String", "StringValue": "v"} for i in range(9)}
    reason = {"DataType": "String", "StringValue": "bad"}
    taken = sum(len(text) for text in ("reason", "String", "bad"))

    assert with_reason(nine, "bad", body="") == nine | {"reason": reason}
    assert with_reason({}, "bad", body="b" * (MAX_MESSAGE_BYTES - taken)) == {"reason": reason}
    assert with_reason({}, "bad", body="b" * (MAX_MESSAGE_BYTES - taken + 1)) == {}


@pytest.mark.parametrize("send", [DeadLetterQueue.send_event, DeadLetterQueue.send_record])
def test_reason_of_an_event_or_record_is_escaped(send: Any):
    sqs = FakeSqs()

    send(DeadLetterQueue("dead-letters", sqs=sqs), {"id": 1}, reason="\x1b[31m")

    assert json.loads(sqs.sent[0]["MessageBody"])["reason"] == "\\x1b[31m"


def test_record_that_just_fits_is_sent_whole_and_a_larger_one_by_its_place():
    def sent(size: int) -> Any:
        sqs = FakeSqs()
        place = {"eventID": "1", "dynamodb": {"SequenceNumber": "7", "NewImage": "x" * size}}
        DeadLetterQueue("dead-letters", sqs=sqs).send_record(place, reason="bad")
        return sqs.sent[0]["MessageBody"]

    room = MAX_MESSAGE_BYTES - len(sent(0))

    assert len(sent(room)) == MAX_MESSAGE_BYTES
    assert json.loads(sent(room + 1)) == {
        "reason": "bad",
        "record": {"eventID": "1", "dynamodb": {"SequenceNumber": "7"}},
        "too_large": MAX_MESSAGE_BYTES + 1,
    }


def test_attributes_stay_binary_ones_too():
    attributes = {
        "trace": {"dataType": "String", "stringValue": "t"},
        "digest": {"dataType": "Binary", "binaryValue": base64.b64encode(b"\x00\x01").decode()},
    }

    _, sqs, _ = process(fifo("no event", messageAttributes=attributes))

    sent = sqs.sent[0]["MessageAttributes"]
    assert sent["trace"] == {"DataType": "String", "StringValue": "t"}
    assert sent["digest"] == {"DataType": "Binary", "BinaryValue": b"\x00\x01"}


@pytest.mark.parametrize(
    ("attributes", "body"),
    [
        ({str(i): {"DataType": "String", "StringValue": "v"} for i in range(MAX_ATTRIBUTES)}, "b"),
        ({}, "b" * (MAX_MESSAGE_BYTES - 3)),
    ],
)
def test_reason_is_left_out_where_a_message_has_no_room(attributes: Any, body: str):
    assert with_reason(attributes, "why", body=body) == attributes


def test_worker_escapes_its_reason_too():
    class Sqs(ClientDouble):
        def send_message(self, **message: Any) -> None:
            self.message = message

    sqs = Sqs()
    queue = Queue("q", dead_letter_url="dead", wait=1, lease=1, sqs=sqs)

    queue.dead_letter(Message(id="m", body="b", receipt="r"), reason="a\0b")

    assert sqs.message["MessageAttributes"]["reason"]["StringValue"] == r"a\x00b"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(10**40), max_value=10**40)
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["\ud800", "0001-01-01T00:00:00+14:00", "\0"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)
GOOD = sample_of(StockChanged).read_text()


def garbled(value: Any, data: st.DataObject) -> Any:
    """A copy of a delivered event in which one value, at any depth, is another."""
    inner = changed = json.loads(json.dumps(value))
    while True:
        key = data.draw(st.sampled_from(sorted(inner) if isinstance(inner, dict) else [0]))
        if not isinstance(inner[key], dict | list) or not inner[key] or data.draw(st.booleans()):
            inner[key] = data.draw(JSON)
            return changed
        inner = inner[key]


@given(st.data())
def test_fifo_message_whatever_it_holds_does_not_stop_the_others(data: st.DataObject):
    body = json.dumps(garbled(json.loads(GOOD), data))
    first, second = records(("A", body), ("A", GOOD))

    outcome, sqs, handled = process(first, second)

    assert outcome.failed == []
    assert outcome.processed + outcome.dead_lettered == 2
    assert json.loads(GOOD)["data"]["sku"] in handled
    assert [sent["MessageBody"] for sent in sqs.sent] == [body] * outcome.dead_lettered


@given(st.data())
def test_stream_record_whatever_it_holds_does_not_stop_the_others(data: st.DataObject):
    event = data.draw(st.sampled_from([e for e in EVENTS if e in ORDER_STREAM_EVENTS]))
    content = json.dumps(garbled(read(sample_of(event)), data))
    batch = [
        {
            "kinesis": {
                "partitionKey": "A",
                "sequenceNumber": str(i),
                "data": base64.b64encode(text.encode()).decode(),
            }
        }
        for i, text in enumerate([content, sample_of(event).read_text()])
    ]
    sqs, handled = StrictSqs(), list[str]()
    consumer: StreamConsumer[Any] = StreamConsumer(
        parse=partial(parse_event_if_known, ORDER_STREAM_EVENTS),
        handle=lambda events: handled.extend(event.metadata.event_id for event in events),
        dead_letters=DeadLetterQueue("dead-letters", sqs=sqs),
    )

    outcome = consumer.process(batch)

    assert outcome.failed == []
    assert detail_of(event)["metadata"]["event_id"] in handled
    assert len(sqs.sent) == outcome.dead_lettered


def test_record_that_is_no_base64_is_dead_lettered():
    sqs = StrictSqs()
    consumer: StreamConsumer[Any] = StreamConsumer(
        parse=partial(parse_event_if_known, ORDER_STREAM_EVENTS),
        handle=lambda _: None,
        dead_letters=DeadLetterQueue("dead-letters", sqs=sqs),
    )
    record = {"kinesis": {"partitionKey": "A", "sequenceNumber": "1", "data": "a"}}

    assert consumer.process([record]).dead_lettered == 1

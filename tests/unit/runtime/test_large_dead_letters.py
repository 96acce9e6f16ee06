"""A record that is too large for a message of SQS is dead-lettered by where it is."""

import base64
import json
from functools import partial
from typing import Any

from lambdas.contracts.order_stream import ORDER_STREAM_EVENTS
from lambdas.contracts.parsing import parse_event_if_known
from lambdas.runtime.consumer import StreamConsumer
from lambdas.runtime.dead_letters import DeadLetterQueue
from lambdas.runtime.publisher import Publisher
from lambdas.runtime.relay import Relay
from tests.unit.runtime.test_dead_letters import StrictSqs

MAX_ITEM = 400 * 1024
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-items"""
MAX_STREAM_RECORD = 1024 * 1024
"""https://docs.aws.amazon.com/streams/latest/dev/large-records.html"""
ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/Orders/stream/2026"


class Unused(Publisher):
    def _put(self, batch: Any) -> list[Any]:
        raise AssertionError(batch)


def dead_letter(sqs: StrictSqs) -> dict[str, Any]:
    (message,) = sqs.sent
    content: dict[str, Any] = json.loads(message["MessageBody"])
    return content


def relayed(size: int, letter: str) -> dict[str, Any]:
    """Relay a change of a row with that text, from an equal one; return the dead letter."""
    row = {"order_id": {"S": "o-1"}, "note": {"S": letter * (size // len(letter.encode()))}}
    change = {
        "Keys": {"order_id": {"S": "o-1"}},
        "NewImage": row,
        "OldImage": row,
        "SequenceNumber": "7",
    }
    sqs = StrictSqs()
    relay = Relay(
        to_event=lambda before, after: None if before is None else 1 / 0,  # type: ignore[arg-type, return-value]
        publisher=Unused(),
        dead_letters=DeadLetterQueue("dead-letters", sqs=sqs),
    )

    outcome = relay.relay([{"eventSourceARN": ARN, "eventID": "e", "dynamodb": change}])

    assert (outcome.dead_lettered, outcome.failed) == (1, [])
    return dead_letter(sqs)


def test_change_of_a_large_row_is_dead_lettered_whole():
    whole = relayed(MAX_ITEM, "a")

    assert "too_large" not in whole
    assert len(whole["record"]["dynamodb"]["NewImage"]["note"]["S"]) == MAX_ITEM


def test_change_of_a_row_whose_images_no_message_can_hold_is_dead_lettered_by_its_key():
    found = relayed(MAX_ITEM, "é")

    assert found["reason"].startswith("ZeroDivisionError")
    assert found["too_large"] > 1_048_576
    assert found["record"] == {
        "eventSourceARN": ARN,
        "eventID": "e",
        "dynamodb": {"Keys": {"order_id": {"S": "o-1"}}, "SequenceNumber": "7"},
    }


def test_large_record_of_a_stream_is_dead_lettered_by_its_place():
    sqs = StrictSqs()
    consumer: StreamConsumer[Any] = StreamConsumer(
        parse=partial(parse_event_if_known, ORDER_STREAM_EVENTS),
        handle=lambda _: None,
        dead_letters=DeadLetterQueue("dead-letters", sqs=sqs),
    )
    place = {"partitionKey": "A", "sequenceNumber": "1"}
    data = base64.b64encode(b"x" * MAX_STREAM_RECORD).decode()

    outcome = consumer.process([{"eventID": "shard:1", "kinesis": {**place, "data": data}}])

    assert (outcome.dead_lettered, outcome.failed) == (1, [])
    assert dead_letter(sqs)["record"] == {"eventID": "shard:1", "kinesis": place}


def test_large_event_is_dead_lettered_by_its_id():
    sqs = StrictSqs()
    event = {"id": "1", "source": "s", "detail-type": "t", "time": "now", "detail": "é" * 500_000}

    DeadLetterQueue("dead-letters", sqs=sqs).send_event(event, reason="r")

    kept = ("id", "source", "detail-type", "time")
    assert dead_letter(sqs)["event"] == {name: event[name] for name in kept}

"""The outbox relay: an unreadable change is dead-lettered whole, and the others are published."""

import json
from typing import Any

import pytest

from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.contracts.orders import OrderCancelled
from lambdas.runtime.batch import BatchOutcome
from lambdas.runtime.bus import Bus
from lambdas.runtime.dead_letters import DeadLetterQueue
from lambdas.runtime.dynamodb import to_item
from lambdas.runtime.relay import Relay, Row
from tests.support.aws_fakes import FakeEvents
from tests.support.doubles import ClientDouble


class FakeQueue(ClientDouble):
    def __init__(self) -> None:
        self.dead_lettered: list[dict[str, Any]] = []

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> None:  # noqa: N803
        assert QueueUrl == "dead-letters"
        self.dead_lettered.append(json.loads(MessageBody))


def to_event(before: Row | None, after: Row) -> EventEnvelope[OrderCancelled] | None:
    if before is not None and before["n"] == after["n"]:
        return None
    return envelope(
        OrderCancelled(order_id=after["id"], customer_id="1", reason="", explanation=""),
        subject=after["id"],
        sequence=int(after["n"]),
        correlation_id="c",
        causation_id="c",
        occurred_at="2026-12-01T08:00:00+00:00",
    )


def change(number: int, after: Row, before: Row | None = None) -> dict[str, Any]:
    images = {"NewImage": to_item(after)} | ({"OldImage": to_item(before)} if before else {})
    return {"eventID": f"e{number}", "dynamodb": {"SequenceNumber": str(number), **images}}


@pytest.fixture
def queue() -> FakeQueue:
    return FakeQueue()


def relay(queue: FakeQueue, events: FakeEvents, *records: dict[str, Any]) -> BatchOutcome:
    bus = Bus("Orders", eventbridge=events)
    return Relay(
        to_event=to_event, publisher=bus, dead_letters=DeadLetterQueue("dead-letters", sqs=queue)
    ).relay(records)


@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        ({"id": "b"}, "KeyError: 'n'"),
        ({"id": "b", "n": "three"}, "ValueError: invalid literal"),
        ({"id": "b", "n": None}, "TypeError: int()"),
    ],
)
def test_poison_is_dead_lettered_whole_with_its_reason(queue: FakeQueue, poison: Row, reason: str):
    events = FakeEvents()
    bad = change(2, poison)

    outcome = relay(
        queue, events, change(1, {"id": "a", "n": 1}), bad, change(3, {"id": "c", "n": 1})
    )

    assert outcome == BatchOutcome(processed=2, dead_lettered=1, failed=[])
    (dead_lettered,) = queue.dead_lettered
    assert dead_lettered["record"] == bad
    assert dead_lettered["reason"].startswith(reason)
    subjects = [json.loads(e["Detail"])["metadata"]["subject"] for e in events.taken]
    assert subjects == ["a", "c"]


def test_change_without_event_is_skipped(queue: FakeQueue):
    row = {"id": "a", "n": 1}

    assert relay(queue, FakeEvents(), change(1, row, row)) == BatchOutcome(
        processed=0, dead_lettered=0, failed=[]
    )
    assert queue.dead_lettered == []


def test_rejected_event_is_reported_as_failed(queue: FakeQueue):
    records = [change(n, {"id": str(n), "n": 1}) for n in (1, 2, 3)]

    outcome = relay(queue, FakeEvents(refused={"2", "3"}), *records)

    assert (outcome.processed, outcome.dead_lettered, list(outcome.failed)) == (1, 0, ["2", "3"])
    assert outcome.response == {
        "batchItemFailures": [{"itemIdentifier": "2"}, {"itemIdentifier": "3"}]
    }
    assert queue.dead_lettered == []


def test_poison_behind_a_failure_is_dead_lettered_on_redelivery(queue: FakeQueue):
    records = [
        change(1, {"id": "a"}),
        change(2, {"id": "b", "n": 1}),
        change(3, {"id": "c"}),
        change(4, {"id": "d", "n": 1}),
    ]

    for start in (0, 1, 1):
        outcome = relay(queue, FakeEvents(refused={"b"}), *records[start:])
        assert (outcome.processed, list(outcome.failed)) == (1, ["2"])
    with pytest.raises(ConnectionError):
        relay(queue, FakeEvents(broken=True), *records[1:])
    assert [dead_lettered["record"] for dead_lettered in queue.dead_lettered] == records[:1]

    assert relay(queue, FakeEvents(), *records[1:]) == BatchOutcome(
        processed=2, dead_lettered=1, failed=[]
    )
    assert [dead_lettered["record"] for dead_lettered in queue.dead_lettered] == [
        records[0],
        records[2],
    ]


def test_record_that_cannot_be_dead_lettered_fails_the_batch():
    class Broken(FakeQueue):
        def send_message(self, *, QueueUrl: str, MessageBody: str) -> None:  # noqa: N803
            raise ConnectionError

    with pytest.raises(ConnectionError):
        relay(Broken(), FakeEvents(), change(1, {"id": "b"}))

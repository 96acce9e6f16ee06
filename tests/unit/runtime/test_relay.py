"""The outbox relay: what makes no sense is parked whole, and the rest flows."""

import json
from typing import Any

import pytest

from lambdas.contracts.event import Fact, tell
from lambdas.contracts.orders import OrderCancelled
from lambdas.runtime.bus import Bus
from lambdas.runtime.items import to_item
from lambdas.runtime.relay import Outcome, Relay, Row
from tests.unit.runtime.fakes import FakeEvents


class FakeQueue:
    def __init__(self) -> None:
        self.parked: list[dict[str, Any]] = []

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> None:  # noqa: N803
        assert QueueUrl == "parking"
        self.parked.append(json.loads(MessageBody))


def told(before: Row | None, after: Row) -> Fact[OrderCancelled] | None:
    if before is not None and before["n"] == after["n"]:
        return None
    return tell(
        OrderCancelled(order_id=after["id"], customer_id="1"),
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


def relay(queue: FakeQueue, events: FakeEvents, *records: dict[str, Any]) -> Outcome:
    bus = Bus("Orders", events=events)
    return Relay(tell=told, to=bus, parking_queue="parking", sqs=queue).relay(records)


@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        ({"id": "b"}, "KeyError: 'n'"),
        ({"id": "b", "n": "three"}, "ValueError: invalid literal"),
        ({"id": "b", "n": None}, "TypeError: int()"),
    ],
)
def test_poison_is_parked_whole_with_its_reason_and_the_others_flow(
    queue: FakeQueue, poison: Row, reason: str
):
    events = FakeEvents()
    bad = change(2, poison)

    outcome = relay(
        queue, events, change(1, {"id": "a", "n": 1}), bad, change(3, {"id": "c", "n": 1})
    )

    assert outcome == Outcome(told=2, parked=1, failed=[])
    (parked,) = queue.parked
    assert parked["record"] == bad
    assert parked["reason"].startswith(reason)
    subjects = [json.loads(e["Detail"])["metadata"]["subject"] for e in events.taken]
    assert subjects == ["a", "c"]


def test_what_tells_nothing_is_neither_told_nor_parked(queue: FakeQueue):
    row = {"id": "a", "n": 1}

    assert relay(queue, FakeEvents(), change(1, row, row)) == Outcome(told=0, parked=0, failed=[])
    assert queue.parked == []


def test_what_the_bus_refuses_comes_again_and_is_not_parked(queue: FakeQueue):
    records = [change(n, {"id": str(n), "n": 1}) for n in (1, 2, 3)]

    outcome = relay(queue, FakeEvents(refused={"2", "3"}), *records)

    assert (outcome.told, outcome.parked, list(outcome.failed)) == (1, 0, ["2", "3"])
    assert outcome.response == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert queue.parked == []


def test_poison_behind_what_comes_again_is_parked_when_it_comes_again(queue: FakeQueue):
    records = [
        change(1, {"id": "a"}),
        change(2, {"id": "b", "n": 1}),
        change(3, {"id": "c"}),
        change(4, {"id": "d", "n": 1}),
    ]

    for start in (0, 1, 1):
        outcome = relay(queue, FakeEvents(refused={"b"}), *records[start:])
        assert (outcome.told, list(outcome.failed)) == (1, ["2"])
    with pytest.raises(ConnectionError):
        relay(queue, FakeEvents(broken=True), *records[1:])
    assert [parked["record"] for parked in queue.parked] == records[:1]

    assert relay(queue, FakeEvents(), *records[1:]) == Outcome(told=2, parked=1, failed=[])
    assert [parked["record"] for parked in queue.parked] == [records[0], records[2]]


def test_a_record_that_cannot_even_be_parked_fails_the_batch():
    class Broken(FakeQueue):
        def send_message(self, *, QueueUrl: str, MessageBody: str) -> None:  # noqa: N803
            raise ConnectionError

    with pytest.raises(ConnectionError):
        relay(Broken(), FakeEvents(), change(1, {"id": "b"}))

"""The rules of a queue's mapping, as AWS documents them, and what must hold whatever happens."""

import math
from collections import defaultdict
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings, strategies

from emulator.delivery_rules.queue_batches import Batch, Message, QueueMapping, Settings, to_delete

GUIDE = "https://docs.aws.amazon.com/lambda/latest/dg/"
PARAMETERS = GUIDE + "services-sqs-parameters.html"
SCALING = GUIDE + "services-sqs-scaling.html"
ERRORS = GUIDE + "services-sqs-errorhandling.html"
QUEUE = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/"


def messages(*groups: str) -> list[Message]:
    return [Message(id=str(n), group=group) for n, group in enumerate(groups)]


def ids(batch: Batch) -> list[str]:
    return [message.id for message in batch]


@pytest.mark.parametrize(
    ("mapping", "fifo", "reserved", "expected"),
    [
        ({}, False, None, Settings(batch_size=10, concurrency=5)),
        ({"MaximumBatchingWindowInSeconds": 3}, False, None, Settings(batching_window=3)),
        ({"MaximumBatchingWindowInSeconds": 3}, True, None, Settings(batching_window=0)),
        ({"ScalingConfig": {"MaximumConcurrency": 2}}, False, None, Settings(concurrency=2)),
        ({"ScalingConfig": {"MaximumConcurrency": 7}}, False, 3, Settings(concurrency=3)),
        ({"ScalingConfig": {}}, True, 1, Settings(concurrency=1)),
        (
            {"FunctionResponseTypes": ["ReportBatchItemFailures"]},
            True,
            None,
            Settings(reports=True),
        ),
    ],
)
def test_settings_are_read_as_lambda_names_them(
    mapping: Any, fifo: bool, reserved: int | None, expected: Settings
) -> None:
    assert Settings.of(mapping, fifo=fifo, reserved=reserved) == expected, (PARAMETERS, SCALING)


def test_batch_without_a_window_is_what_is_there() -> None:
    mapping = QueueMapping(Settings())
    assert mapping.due(0) == ()
    assert mapping.next_due() == math.inf
    mapping.add_messages(messages("", "", ""), 0)
    assert ids(mapping.due(0)) == ["0", "1", "2"], PARAMETERS
    assert mapping.due(0) == ()


def test_window_gathers_until_its_end_or_a_full_batch() -> None:
    mapping = QueueMapping(Settings(batch_size=3, batching_window=10))
    a, b, *more = messages("", "", "", "", "")
    mapping.add_messages([a], 100)
    mapping.add_messages([b], 105)
    assert (mapping.due(109), mapping.receive_count(), mapping.next_due()) == ((), 1, 110), (
        PARAMETERS
    )
    assert mapping.due(110) == (a, b)
    mapping.add_messages(more, 111)
    assert mapping.due(111) == tuple(more)


def test_concurrent_batches_stay_below_the_maximum() -> None:
    mapping = QueueMapping(Settings(batch_size=1, concurrency=2))
    mapping.add_messages(messages("", "", ""), 0)
    first, second = mapping.due(0), mapping.due(0)
    assert (ids(first), ids(second), mapping.due(0)) == (["0"], ["1"], ()), SCALING
    mapping.complete(second)
    assert ids(mapping.due(0)) == ["2"]
    assert mapping.receive_count() == 0, "what cannot be invoked stays in the queue"
    mapping.complete(first)
    assert mapping.receive_count() == 1


def test_batch_may_hold_several_groups_while_others_run() -> None:
    mapping = QueueMapping(Settings(batch_size=3))
    a1, b1, a2, c1, a3 = messages("a", "b", "a", "c", "a")
    mapping.add_messages([a1, b1, a2], 0)
    first = mapping.due(0)
    mapping.add_messages([c1], 0)
    assert (first, mapping.due(0)) == ((a1, b1, a2), (c1,)), (
        QUEUE + "using-messagegroupid-property.html"
    )
    mapping.add_messages([a3], 0)
    assert mapping.due(0) == (), "a group is in one batch at a time, even if SQS gives more of it"
    mapping.complete(first)
    assert mapping.due(0) == (a3,)


def failing(*identifiers: Any) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]}


@pytest.mark.parametrize(
    ("answer", "deleted"),
    [
        (None, "012"),
        ({}, "012"),
        ({"batchItemFailures": None}, "012"),
        (failing(), "012"),
        (failing("1"), "02"),
        (failing("0", "1", "2"), ""),
        (failing("unknown"), ""),
        (failing("1", "unknown"), ""),
        (failing(""), ""),
        (failing(None), ""),
        ({"batchItemFailures": [{"messageId": "1"}]}, ""),
        ({"batchItemFailures": {}}, ""),
        ("not an object", ""),
    ],
)
def test_reported_failures_stay_in_the_queue(answer: Any, deleted: str) -> None:
    batch = tuple(messages("g", "g", "h"))
    done = to_delete(batch, Settings(reports=True), answer=answer, failed=False)
    assert "".join(ids(tuple(done))) == deleted, ERRORS


def test_report_counts_only_if_enabled_and_an_error_fails_the_batch() -> None:
    batch = tuple(messages("", ""))
    assert to_delete(batch, Settings(), answer=failing("1"), failed=False) == list(batch), ERRORS
    assert to_delete(batch, Settings(reports=True), answer=failing("1"), failed=True) == []


class Fifo:
    """A FIFO queue with its mapping: random receives, endings and early visibility time-outs."""

    def __init__(self, groups: str, options: Settings, chance: Random) -> None:
        self.left = messages(*groups)
        self.mapping, self.chance = QueueMapping(options), chance
        self.hidden: set[Message] = set()
        self.running: list[Batch] = []
        self.done: list[Message] = []

    def step(self) -> None:
        locked = {message.group for message in self.hidden}
        visible = [message for message in self.left if message.group not in locked]
        received = visible[: self.mapping.receive_count()]
        self.hidden.update(received)
        self.mapping.add_messages(received, 0)
        while batch := self.mapping.due(0):
            in_flight = {message.group for other in self.running for message in other}
            assert not in_flight & {message.group for message in batch}
            self.running.append(batch)
        assert len(self.running) <= self.mapping.settings.concurrency
        if self.running:
            self.end(self.running.pop(self.chance.randrange(len(self.running))))

    def end(self, batch: Batch) -> None:
        self.mapping.complete(batch)
        # Like a FIFO function should: after a failure, the rest of the group is failed, too.
        failed: set[str] = set()
        for message in batch:
            if self.chance.random() < 0.3:
                failed.add(message.group)
        back = [message.id for message in batch if message.group in failed]
        deleted = to_delete(batch, self.mapping.settings, answer=failing(*back), failed=False)
        self.done += deleted
        self.left = [message for message in self.left if message not in deleted]
        self.hidden -= set(batch)


@settings(max_examples=300)
@given(
    strategies.text("abcd", max_size=30),
    strategies.builds(
        Settings,
        batch_size=strategies.integers(1, 5),
        concurrency=strategies.integers(1, 4),
        reports=strategies.just(True),
    ),
    strategies.integers(0, 2**32),
)
def test_every_message_is_processed_once_in_the_order_of_its_group(
    groups: str, options: Settings, seed: int
) -> None:
    queue = Fifo(groups, options, Random(seed))
    for _ in range(2_000):
        if not queue.left:
            break
        queue.step()
    order = defaultdict(list)
    for message in queue.done:
        order[message.group].append(int(message.id))
    assert len(queue.done) == len(groups)
    assert all(positions == sorted(positions) for positions in order.values())

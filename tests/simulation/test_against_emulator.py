"""The simulation's own rules of delivery, held against the emulator's services, in one process.

Retries, batches of mappings and time-outs of state machines are the same code in both
(`emulator/delivery_rules`), and so are DynamoDB's conditions and transactions. What the simulation
has of its own gets the same generated input here as the emulator, and has to answer the same.
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ministack.services import dynamodb, eventbridge, sns, sqs

from simulation import chance as kinds
from simulation.chance import Chance
from simulation.kernel import Kernel
from simulation.patterns import matches
from simulation.queues import Queue, Sent
from simulation.tables import LAG, Change, Tables
from simulation.templates import Resource

EXAMPLES = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
TEXTS = ("OrderPlaced", "Order", "", "x")
VALUES = st.sampled_from((*TEXTS, 0, 1, 2, True, False))
FILTERS = st.one_of(
    VALUES,
    st.booleans().map(lambda exists: {"exists": exists}),
    st.sampled_from(("Order", "x")).map(lambda prefix: {"prefix": prefix}),
)
FIELDS = ("state", "reason")
BODIES = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=2)
BODY_PATTERNS = st.dictionaries(
    st.sampled_from(FIELDS), st.lists(FILTERS, min_size=1, max_size=2), min_size=1, max_size=2
)
PATTERNS = st.fixed_dictionaries(
    {},
    optional={
        "source": st.lists(st.sampled_from(TEXTS[:2]), min_size=1, max_size=2),
        "detail": BODY_PATTERNS,
        "replay-name": st.just([{"exists": False}]),
        "$or": st.lists(
            st.fixed_dictionaries({"detail-type": st.lists(st.sampled_from(TEXTS), min_size=1)}),
            min_size=2,
            max_size=2,
        ),
    },
).filter(bool)


@EXAMPLES
@given(PATTERNS, BODIES, st.sampled_from(TEXTS[:2]), st.sampled_from(TEXTS))
def test_rule_matches_the_same_events(
    pattern: dict[str, Any], body: dict[str, Any], source: str, detail_type: str
) -> None:
    emulated = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(body)}
    simulated = {"source": source, "detail-type": detail_type, "detail": body}

    expected = eventbridge._matches_pattern(json.dumps(pattern), emulated)

    assert matches(pattern, simulated) is expected


# MiniStack's SNS takes an empty text for a missing one, which no contract admits.
@EXAMPLES
@given(
    BODY_PATTERNS,
    st.dictionaries(st.sampled_from(FIELDS), VALUES.filter(lambda value: value != ""), min_size=1),
)
@example({"state": [1]}, {"state": True})
def test_filter_of_a_subscription_matches_the_same_messages(
    policy: dict[str, Any], body: dict[str, Any]
) -> None:
    attributes = {"FilterPolicy": json.dumps(policy), "FilterPolicyScope": "MessageBody"}

    expected = sns._matches_filter_policy({"attributes": attributes}, {}, json.dumps(body))

    assert matches(policy, body) is expected


SENDS = st.tuples(st.just("send"), st.sampled_from("ab"), st.sampled_from("1234"))
RECEIVES = st.tuples(st.just("receive"), st.sampled_from((1, 3, 10)))
DELETES = st.tuples(st.just("delete"), st.integers(0, 5))
WAITS = st.tuples(st.just("wait"), st.sampled_from((1, 25, 61, 299, 301)))
STEPS = st.lists(st.one_of(SENDS, RECEIVES, DELETES, WAITS), min_size=4, max_size=30)


class EmulatedQueue:
    """A FIFO queue of the emulator with a dead-letter queue, under virtual time."""

    def __init__(self) -> None:
        sqs.reset()
        self.dead = self._create("dead.fifo", {})
        arn = sqs._get_q(self.dead)["attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2})
        self.url = self._create("own.fifo", {"RedrivePolicy": redrive, "VisibilityTimeout": "60"})

    def send(self, body: str, group: str, deduplication: str) -> None:
        message = {"MessageGroupId": group, "MessageDeduplicationId": deduplication}
        sqs._act_send_message({"QueueUrl": self.url, "MessageBody": body, **message}, "")

    def receive(self, count: int, *, dead: bool = False) -> list[dict[str, Any]]:
        request = {"QueueUrl": self.dead if dead else self.url, "MaxNumberOfMessages": count}
        answer: dict[str, Any] = asyncio.run(sqs._act_receive_message(request, ""))
        return list(answer.get("Messages", []))

    def delete(self, receipt: str) -> None:
        sqs._act_delete_message({"QueueUrl": self.url, "ReceiptHandle": receipt}, "")

    def _create(self, name: str, attributes: dict[str, str]) -> str:
        request = {"QueueName": name, "Attributes": {"FifoQueue": "true", **attributes}}
        return str(sqs._act_create_queue(request, "")["QueueUrl"])


MOVED_TWICE = [("send", "a", "1"), ("wait", 301), ("send", "a", "1"), ("receive", 3)]
"""Two messages of one deduplication id, sent apart, reach the dead-letter queue together."""


@EXAMPLES
@given(STEPS)
@example([*MOVED_TWICE, ("wait", 61), ("receive", 3)])
def test_fifo_queue_returns_the_same_messages(
    monkeypatch: pytest.MonkeyPatch, steps: Sequence[tuple[Any, ...]]
) -> None:
    kernel = Kernel()
    calm = Chance(0, kernel)
    calm.calm_from = 0
    monkeypatch.setattr(sqs, "time", SimpleNamespace(time=lambda: kernel.now))
    emulated = EmulatedQueue()
    dead = Queue("dead", kernel, calm, fifo=True)
    simulated = Queue("own", kernel, calm, fifo=True, visibility=60)
    simulated.max_receives, simulated.dead_letters = 2, dead
    received: list[tuple[Sent, str]] = []

    for number, (step, *details) in enumerate([*steps, ("wait", 1_000), ("receive", 10)]):
        if step == "send":
            group, deduplication = details
            simulated.send(str(number), group=group, deduplication=deduplication)
            emulated.send(str(number), group, deduplication)
        elif step == "receive":
            ours, theirs = simulated.receive(details[0]), emulated.receive(details[0])
            assert [m.body for m in ours] == [m["Body"] for m in theirs]
            pairs = zip(ours, theirs, strict=True)
            received = [(each, other["ReceiptHandle"]) for each, other in pairs]
        elif step == "delete" and details[0] < len(received):
            message, receipt = received.pop(details[0])
            simulated.delete(message)
            emulated.delete(receipt)
        elif step == "wait":
            kernel.now += details[0]
            received = []

    bodies = sorted(message.body for message in dead.messages)
    found = iter(lambda: emulated.receive(10, dead=True), [])
    kernel.now += 1
    assert bodies == sorted(m["Body"] for batch in found for m in batch)


class StaleChance(Chance):
    """Makes every query of an index stale, by as many seconds as ``lag`` says."""

    lag: float | None = None

    def fault(self, where: str, kinds_: Sequence[str], *, rate: float = 1.0) -> str | None:
        return kinds.STALE if kinds.STALE in kinds_ and self.lag is not None else None

    def between(self, label: str, low: float, high: float) -> float:
        return self.lag or 0.0


@pytest.fixture
def tables() -> Iterator[tuple[Tables, StaleChance]]:
    chance = StaleChance(0, Kernel())
    tables = Tables(chance.kernel, chance)
    tables.create(DECLARED)
    yield tables, chance
    dynamodb._tables.clear()


TABLE = {
    "AttributeDefinitions": [
        {"AttributeName": n, "AttributeType": "S"} for n in ("id", "open_shard")
    ],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "Shards",
            "KeySchema": [{"AttributeName": "open_shard", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}
DECLARED = [Resource(name="Items", kind="AWS::DynamoDB::Table", properties=TABLE)]
WRITES = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(("", "x", "y")), st.integers(1, 9)),
    min_size=1,
    max_size=12,
)


def query(tables: Tables, shard: str) -> list[dict[str, Any]]:
    answer = tables.perform(
        "query",
        {
            "TableName": "Items",
            "IndexName": "Shards",
            "KeyConditionExpression": "open_shard = :shard",
            "ExpressionAttributeValues": {":shard": {"S": shard}},
        },
    )
    return sorted(answer["Items"], key=str)


def write(tables: Tables, id: str, shard: str, number: int) -> None:
    """Put an item into a shard, or without one into none; the number 9 deletes it instead."""
    key = {"id": {"S": id}}
    if number == 9:
        tables.perform("delete_item", {"TableName": "Items", "Key": key})
        return
    item = {**key, "number": {"N": str(number)}} | ({"open_shard": {"S": shard}} if shard else {})
    tables.perform("put_item", {"TableName": "Items", "Item": item})


@EXAMPLES
@given(writes=WRITES)
def test_index_that_lags_answers_as_it_did_then(
    tables: tuple[Tables, StaleChance], writes: Sequence[tuple[str, str, int]]
) -> None:
    table, chance = tables
    chance.lag = None
    start, answers = chance.kernel.now + LAG + 1, dict[float, Any]()
    chance.kernel.now = start
    for id, shard, number in writes:
        write(table, id, shard, number)
        answers[chance.kernel.now] = [query(table, "x"), query(table, "y")]
        chance.kernel.now += 2

    for at, answer in answers.items():
        chance.lag = chance.kernel.now - at
        assert [query(table, "x"), query(table, "y")] == answer


@EXAMPLES
@given(writes=WRITES)
def test_changes_lead_from_each_image_to_the_next(
    tables: tuple[Tables, StaleChance], writes: Sequence[tuple[str, str, int]]
) -> None:
    table, _ = tables
    before = {id: item for item in _items() for id in [item["id"]["S"]]}
    changes: list[Change] = []
    table.on_changes = changes.extend

    for id, shard, number in writes:
        write(table, id, shard, number)

    for change in changes:
        id = (change.after or change.before or {})["id"]["S"]
        assert change.before == before.pop(id, None)
        if change.after:
            before[id] = change.after
    assert before == {item["id"]["S"]: item for item in _items()}


def test_changes_after_a_restore_are_noted_though_other_tables_were_made(
    tables: tuple[Tables, StaleChance],
) -> None:
    table, chance = tables
    saved = table.save()
    changes: list[Change] = []
    table.on_changes = changes.extend
    Tables(chance.kernel, chance).create(DECLARED)

    table.restore(saved)
    write(table, "a", "x", 1)

    assert len(changes) == 1


def _items() -> list[dict[str, Any]]:
    return [item for by in dynamodb._tables["Items"]["items"].values() for item in by.values()]

"""The outbox relay of the stock table: each change is published once and in order."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.inventory.domain import DEFAULT_MINIMUM, event_for_change
from lambdas.inventory.store import parse_stock_row
from lambdas.runtime.batch import BatchOutcome
from lambdas.runtime.dead_letters import DeadLetterQueue
from lambdas.runtime.dynamodb import to_item
from lambdas.runtime.relay import Relay, row_to_event
from lambdas.runtime.topic import Topic
from tests.support.aws_fakes import FakeSns, FakeSqs
from tests.support.inventory_tables import Inventory

SKUS, ORDERS = ("A", "B"), ("o1", "o2", "o3", "o4")
units = st.dictionaries(st.sampled_from(SKUS), st.integers(1, 7), min_size=1)
requests: Any = st.one_of(
    st.tuples(st.just("reserve"), st.sampled_from(ORDERS), units),
    st.tuples(st.just("release"), st.sampled_from(ORDERS), st.just({})),
    st.tuples(st.just("receive"), st.sampled_from(["d1", "d2", "d3"]), units),
    st.tuples(st.just("reserve busy"), st.sampled_from(ORDERS), units),
    st.tuples(st.just("release busy"), st.sampled_from(ORDERS), st.just({})),
    st.tuples(st.just("move"), st.just(""), st.just({})),
)


class Stream:
    """The stream of a shop's stock, written down while the shop works."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._rows: dict[str, Any] = {}
        self.records: list[dict[str, Any]] = []
        self.levels: dict[str, list[int]] = {}

    def work(self, verb: str, name: str, units: dict[str, int]) -> None:
        verb, _, busy = verb.partition(" ")
        if verb == "reserve":
            self._inventory.reserve(name, units, busy=bool(busy))
        elif verb == "release":
            self._inventory.release(name, busy=bool(busy))
        elif verb == "move":
            self._inventory.move()
        else:
            self._inventory.receive(name, units)
        for row in self._inventory.rows(self._inventory.stock_table):
            old = self._rows.get(row["sku"])
            if row != old:
                self._rows[row["sku"]] = row
                self.levels.setdefault(row["sku"], []).append(row["available"])
                self.records.append(record(len(self.records), row, old))


def record(number: int, row: dict[str, Any], old: dict[str, Any] | None) -> dict[str, Any]:
    images = {"NewImage": to_item(row)} | ({"OldImage": to_item(old)} if old else {})
    return {"dynamodb": {"SequenceNumber": str(number), **images}}


def relay(sns: FakeSns, records: list[dict[str, Any]], sqs: FakeSqs | None = None) -> BatchOutcome:
    topic = Topic("topic", sns=sns)
    return Relay(
        to_event=row_to_event(parse_stock_row, event_for_change),
        publisher=topic,
        dead_letters=DeadLetterQueue("dead-letters", sqs=sqs or FakeSqs()),
    ).relay(records)


def crossings(levels: list[int], minimum: int) -> dict[str, int]:
    """How often each threshold is crossed; a SKU begins with enough."""
    counts = {"StockSoldOut": 0, "StockBelowMinimum": 0, "StockReplenished": 0}
    for before, after in zip([minimum, *levels], levels, strict=False):
        counts["StockSoldOut"] += after == 0 and before != 0
        counts["StockBelowMinimum"] += before >= minimum > after > 0
        counts["StockReplenished"] += before < minimum <= after
    return counts


@settings(max_examples=60)
@given(
    work=st.lists(requests, min_size=1, max_size=14),
    cuts=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6)), max_size=8),
    refused=st.sets(st.tuples(st.sampled_from(SKUS), st.integers(1, 6)), max_size=2),
)
def test_each_change_is_published_once_and_in_order(
    dynamodb: Any,
    make_table: Callable[..., str],
    work: list[tuple[str, str, dict[str, int]]],
    cuts: list[tuple[int, int]],
    refused: set[tuple[str, int]],
):
    """For all ways to cut the stream into batches, redeliver the end of one, or fail an entry."""
    stream = Stream(Inventory(dynamodb, make_table))
    goods: dict[str, dict[str, int]] = {}
    for verb, name, units in [("receive", "opening", dict.fromkeys(SKUS, 9)), *work]:
        # A delivery that comes again has the same goods.
        wanted = goods.setdefault(name, units) if verb == "receive" else units
        stream.work(verb, name, wanted)
    sns = FakeSns(refused=refused, times=2)

    at = 0
    for size, back in [*cuts, *[(3, 0)] * len(stream.records)]:
        batch = stream.records[at : at + size]
        failed = relay(sns, batch).failed
        # The stream comes back with what failed, or with any part that its answer was lost for.
        at = int(failed[0]) if failed else max(0, at + len(batch) - back)

    for sku, levels in stream.levels.items():
        numbers = [number for subject, number in sns.delivered if subject == sku]
        assert numbers == sorted(numbers) if not refused else True
        assert sorted(numbers) == list(range(1, len(levels) + 1))
        kinds = [kind for subject, kind in kinds_of(sns) if subject == sku]
        assert {name: kinds.count(name) for name in crossings([], 0)} == crossings(
            levels, DEFAULT_MINIMUM
        )
    ids = [entry["MessageDeduplicationId"] for entry in sns.entries]
    assert len(set(ids)) == len(ids) == len(stream.records)


def kinds_of(sns: FakeSns) -> list[tuple[str, str]]:
    messages = [json.loads(entry["Message"]) for entry in sns.entries]
    return [(message["metadata"]["subject"], message["detail_type"]) for message in messages]


def test_several_crossings_in_one_batch_are_each_published(inventory: Inventory):
    stream = Stream(inventory)
    stream.work("receive", "d1", {"A": 9})
    for number in (1, 2):
        stream.work("reserve", f"o{number}", {"A": 6})
        stream.work("release", f"o{number}", {})
    sns = FakeSns()

    assert relay(sns, stream.records) == BatchOutcome(processed=5, dead_lettered=0, failed=[])
    assert [kind for _, kind in kinds_of(sns)] == [
        "StockChanged",
        *["StockBelowMinimum", "StockReplenished"] * 2,
    ]


def test_redelivered_record_is_the_same_message_even_after_the_deduplication_interval(
    inventory: Inventory,
):
    stream = Stream(inventory)
    stream.work("receive", "d1", {"A": 9})
    sns = FakeSns()

    relay(sns, stream.records)
    relay(sns, stream.records)
    assert len(sns.entries) == 1
    sns.forget()
    relay(sns, stream.records)
    assert sns.entries[0] == sns.entries[1]


def test_hundred_changes_are_published_in_ten_requests(inventory: Inventory):
    stream = Stream(inventory)
    stream.work("receive", "d1", {f"sku{i}": 9 for i in range(90)})
    stream.work("receive", "d2", {f"sku{i}": 9 for i in range(10)})
    sns = FakeSns()

    assert relay(sns, stream.records).processed == 100
    assert [len(request) for request in sns.requests] == [10] * 10


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("available", -1, "ContractError: not a StockBelowMinimum: available must be at least 0"),
        (
            "minimum",
            None,
            "UnreadableRowError: not a StockLevel A: minimum must be an integer, not null",
        ),
        (
            "sequence",
            "three",
            "UnreadableRowError: not a StockLevel A: sequence must be an integer, not str",
        ),
    ],
)
def test_invalid_row_is_dead_lettered_whole_and_the_others_are_published(
    inventory: Inventory, column: str, value: Any, reason: str
):
    stream = Stream(inventory)
    stream.work("receive", "d1", {"A": 9, "B": 9})
    bad, good = stream.records
    bad["dynamodb"]["NewImage"] |= to_item({column: value})
    sns, sqs = FakeSns(), FakeSqs()

    outcome = relay(sns, [bad, good], sqs)

    assert outcome == BatchOutcome(processed=1, dead_lettered=1, failed=[])
    (dead_letter,) = [json.loads(message["MessageBody"]) for message in sqs.sent]
    assert dead_letter["record"] == bad
    assert dead_letter["reason"].startswith(reason)

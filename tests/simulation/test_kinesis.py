"""The stream of the simulation, whose shards are split and merged, held against the emulator's."""

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ministack.services import kinesis

from emulator.patches import closed_shards
from simulation import chance as kinds
from simulation.chance import Chance
from simulation.functions import Done, Function, Outcome
from simulation.kernel import Kernel
from simulation.kinesis import Stream
from simulation.streams import StreamMapping


@pytest.fixture
def emulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("_expire_records", "_split_shard", "_merge_shards", "_update_shard_count"):
        monkeypatch.setattr(kinesis, name, getattr(kinesis, name))
    kinesis.reset()
    closed_shards.install()
    yield
    kinesis.reset()


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.integers(1, 8), min_size=1, max_size=5), st.lists(st.text(min_size=1)))
def test_shards_and_their_parents_are_the_emulators(
    emulated: None, counts: list[int], keys: list[str]
):
    kinesis.reset()
    kinesis._create_stream({"StreamName": "orders", "ShardCount": counts[0]})
    stream = Stream(Kernel(), shards=counts[0])

    for count in counts[1:]:
        stream.reshard(count)
        kinesis._update_shard_count({"StreamName": "orders", "TargetShardCount": count})

    theirs = kinesis._streams["orders"]
    assert {
        name: (str(hashes.start), str(hashes.stop - 1), stream.parents[name])
        for name, hashes in stream.open.items()
    } == {
        name: (each["starting_hash_key"], each["ending_hash_key"], each.get("parents", ()))
        for name, each in theirs["shards"].items()
    }
    for key in keys:
        hash_ = kinesis._partition_key_to_hash(key)
        assert stream.shard_of(key) == kinesis._route_to_shard(hash_, theirs)


class SlowFunction(Function):
    """Notes the events that it is invoked with, and fails as often as ``failures`` says."""

    def __init__(self, kernel: Kernel, failures: int) -> None:
        self.name = self.short = "view"
        self.seen: list[int] = []
        self._clock, self._failures = kernel, failures

    def invoke(self, payload: Mapping[str, Any], done: Done) -> None:
        error = "Failed" if self._failures else ""
        self._failures -= bool(error)
        if not error:
            data = (b64decode(record["kinesis"]["data"]) for record in payload["Records"])
            self.seen += [json.loads(each)["number"] for each in data]
        self._clock.after(0.5, done, Outcome(payload={"batchItemFailures": []}, error=error))


@pytest.mark.parametrize("failures", [0, 3])
@pytest.mark.parametrize("delayed", [False, True])
def test_shard_is_read_when_its_parents_are_processed(
    failures: int, delayed: bool, monkeypatch: pytest.MonkeyPatch
):
    chance = Chance(0, Kernel())
    kernel, function = chance.kernel, SlowFunction(chance.kernel, failures)
    monkeypatch.setattr(
        chance,
        "fault",
        lambda _, possible: kinds.DELAY if delayed and kinds.DELAY in possible else None,
    )
    mapping = StreamMapping(
        function,
        {"BatchSize": 2},
        kernel=kernel,
        chance=chance,
        wanted=lambda _: True,
        give_up=lambda *_: None,
    )
    stream = Stream(kernel, shards=1)
    stream.map(mapping)

    for part, count in enumerate((2, 4, 1)):
        for number in range(3):
            stream.put({"number": 3 * part + number}, "an order")
        kernel.run(until=kernel.now + 0.1)
        stream.reshard(count)
    kernel.run(until=kernel.now + 3 * 3600)

    assert function.seen == list(range(9))

"""The rules of a stream mapping, as AWS documents them, and what must hold whatever happens."""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings, strategies

from emulator.delivery_rules.stream_batches import Shard
from emulator.delivery_rules.stream_records import Batch, DiscardedBatch, Record, Settings, start

GUIDE = "https://docs.aws.amazon.com/lambda/latest/dg/"
PARAMETERS = GUIDE + "services-kinesis-parameters.html"
DISCARDED = GUIDE + "kinesis-on-failure-destination.html"
REPORTS = GUIDE + "services-kinesis-batchfailurereporting.html"
WINDOWS = GUIDE + "services-kinesis-windows.html"


def record(position: int, key: str = "k", arrived: float = 0, *, wanted: bool = True) -> Record:
    return Record(
        position=position, sequence=str(position), key=key, arrived=arrived, wanted=wanted
    )


def failing(*sequences: Any) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": sequence} for sequence in sequences]}


Function = Callable[[Batch], dict[str, Any]]
"""Takes a batch; answers the keyword arguments of `Shard.complete`."""


def poisoned(*poison: int, reports: bool = False) -> Function:
    """A function that fails at some records; with reports it says at which."""

    def function(batch: Batch) -> dict[str, Any]:
        bad = [r.sequence for r in batch.records if r.position in poison]
        if not bad:
            return {}
        return {"answer": failing(*bad)} if reports else {"error": True}

    return function


@dataclass
class Run:
    """A shard together with a function that it invokes until nothing more happens."""

    shard: Shard
    function: Function
    now: float = 0
    invoked: list[list[int]] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    discarded: list[DiscardedBatch] = field(default_factory=list)

    def add_records(self, records: Iterable[Record]) -> None:
        self.shard.add_records(records, self.now)

    def step(self) -> list[Batch]:
        batches, discarded = self.shard.due(self.now)
        self.discarded += discarded
        for batch in batches:
            self.invoked.append([r.position for r in batch.records])
            self.at.append(self.now)
        return batches

    def to_the_end(self, max_steps: int = 10_000) -> "Run":
        for _ in range(max_steps):
            for batch in self.step():
                self.shard.complete(batch, self.now, **self.function(batch))
            due = self.shard.next_due()
            if due == math.inf:
                self.discarded += self.shard.due(self.now)[1]
                return self
            self.now = max(self.now, due)
        raise AssertionError("it never ends")

    @property
    def given_up(self) -> list[tuple[list[int], str, int]]:
        return [
            ([r.position for r in p.records], p.condition, p.invocations) for p in self.discarded
        ]


def run(options: Settings, records: Iterable[Record], function: Function, now: float = 0) -> Run:
    running = Run(Shard(options), function, now)
    running.add_records(records)
    return running.to_the_end()


def four() -> list[Record]:
    return [record(n) for n in range(4)]


RULES = [
    pytest.param(
        PARAMETERS, Settings(batch_size=3), poisoned(), [[0, 1, 2], [3]], [],
        id="a batch holds no more than its size",
    ),
    pytest.param(
        DISCARDED, Settings(retries=2), poisoned(1),
        [[0, 1, 2, 3]] * 3, [([0, 1, 2, 3], "RetryAttemptsExhausted", 3)],
        id="without bisecting a batch is tried again whole, and given up whole",
    ),
    pytest.param(
        PARAMETERS, Settings(retries=0), poisoned(1),
        [[0, 1, 2, 3]], [([0, 1, 2, 3], "RetryAttemptsExhausted", 1)],
        id="no retry is none",
    ),
    pytest.param(
        DISCARDED, Settings(retries=1, bisect=True), poisoned(2),
        [[0, 1, 2, 3], [0, 1], [2, 3], [2], [2], [3]], [([2], "RetryAttemptsExhausted", 2)],
        id="a failed batch is halved, which costs no retry",
    ),
    pytest.param(
        REPORTS, Settings(retries=1, reports=True), poisoned(2, reports=True),
        [[0, 1, 2, 3], [2, 3]], [([2, 3], "RetryAttemptsExhausted", 2)],
        id="a reported batch is tried again from the first failed record",
    ),
    pytest.param(
        REPORTS, Settings(retries=0, reports=True, bisect=True), poisoned(1, 3, reports=True),
        [[0, 1, 2, 3], [1, 2, 3], [1], [2, 3], [3]],
        [([1], "RetryAttemptsExhausted", 1), ([3], "RetryAttemptsExhausted", 1)],
        id="with both, the split is at the reported record, and only the rest is tried again",
    ),
    pytest.param(
        REPORTS, Settings(retries=0, bisect=True, reports=True), poisoned(3),
        [[0, 1, 2, 3], [0, 1], [2, 3], [2], [3]], [([3], "RetryAttemptsExhausted", 1)],
        id="an error is halved whether the function may report or not",
    ),
    pytest.param(
        REPORTS, Settings(retries=0), lambda batch: {"answer": failing("2")},
        [[0, 1, 2, 3]], [],
        id="a report counts only if the mapping asks for it",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("source", "options", "function", "invoked", "given_up"), RULES)
def test_invocations_and_discarded_batches(
    source: str,
    options: Settings,
    function: Function,
    invoked: list[list[int]],
    given_up: list[Any],
) -> None:
    ended = run(options, four(), function)
    assert (ended.invoked, ended.given_up) == (invoked, given_up), source
    assert ended.shard.checkpoint == 4


ANSWERS = [
    (None, None),
    ({}, None),
    ({"statusCode": 200}, None),
    ({"batchItemFailures": None}, None),
    (failing(), None),
    (failing("2"), 2),
    (failing("3", "1"), 1),
    (failing("1", "1"), 1),
    (failing(""), 0),
    (failing(None), 0),
    (failing("9"), 0),
    (failing("2", "9"), 0),
    (failing(2), 0),
    (failing([]), 0),
    ({"batchItemFailures": [{"id": "2"}]}, 0),
    ({"batchItemFailures": ["2"]}, 0),
    ({"batchItemFailures": "2"}, 0),
    ("fine", 0),
    (["2"], 0),
]


@pytest.mark.parametrize(("answer", "again_from"), ANSWERS)
def test_batch_is_retried_from_the_reported_failure(answer: Any, again_from: int | None) -> None:
    running = Run(Shard(Settings(reports=True, retries=0)), lambda batch: {"answer": answer})
    running.add_records(four())
    running.to_the_end()
    failed = [] if again_from is None else [list(range(again_from, 4))]
    if again_from:  # of the records that are tried again, the report names none or the first
        failed = [list(range(again_from, 4))]
    assert [positions for positions, *_ in running.given_up] == failed, REPORTS


def test_batch_without_a_limit_is_retried_for_ever_with_backoff() -> None:
    running = Run(Shard(Settings(delay_scale=0.5)), poisoned(0))
    running.add_records([record(0), record(1)])
    for _ in range(20):
        for batch in running.step():
            running.shard.complete(batch, running.now, error=True)
        running.now = running.shard.next_due()
    waits = [later - sooner for sooner, later in pairwise(running.at)]
    assert waits[:7] == [0.5, 1, 2, 4, 8, 16, 30]
    assert set(waits[7:]) == {30}, "bounded"
    assert running.shard.checkpoint == 0


def test_throttled_invocation_costs_no_retry_and_splits_no_batch() -> None:
    answers = iter([{"throttled": True}] * 5 + [{"error": True}, {}])
    ended = run(Settings(retries=1), four(), lambda batch: next(answers))
    assert ended.invoked == [[0, 1, 2, 3]] * 7, DISCARDED
    assert not ended.given_up


@pytest.mark.parametrize(
    ("age", "given_up", "invoked"),
    [
        (-1, [], [[0, 1, 2]]),
        (60, [([0, 1], "RecordAgeExceeded", 0)], [[2]]),
        (100, [], [[0, 1, 2]]),
    ],
)
def test_too_old_record_is_not_invoked(age: float, given_up: Any, invoked: Any) -> None:
    records = [record(0, arrived=0), record(1, arrived=39), record(2, arrived=40)]
    ended = run(Settings(age=age), records, poisoned(), now=100)
    assert (ended.given_up, ended.invoked) == (given_up, invoked), PARAMETERS


def test_record_that_expires_between_attempts_is_discarded() -> None:
    ended = run(Settings(age=60), [record(0)], poisoned(0))
    assert ended.given_up == [([0], "RecordAgeExceeded", len(ended.invoked))], DISCARDED


def test_batching_window_gathers_until_its_end_or_a_full_batch() -> None:
    running = Run(Shard(Settings(batch_size=3, batching_window=10)), poisoned(), now=100)
    running.add_records([record(0)])
    assert not running.step()
    running.now = 105
    running.add_records([record(1)])
    assert (running.step(), running.shard.next_due()) == ([], 110)
    running.now = 110
    (batch,) = running.step()
    running.shard.complete(batch, running.now)
    running.add_records([record(2)])
    running.now = 115
    running.add_records([record(n) for n in (3, 4, 5)])
    (batch,) = running.step()
    running.shard.complete(batch, running.now)
    assert running.invoked == [[0, 1], [2, 3, 4]], GUIDE + "invocation-eventsourcemapping.html"
    assert (running.step(), running.shard.next_due()) == ([], 125), "what is left begins anew"


def test_lanes_run_at_once_and_the_checkpoint_waits_for_the_slowest() -> None:
    running = Run(Shard(Settings(lanes=4, batch_size=2)), poisoned())
    running.add_records([record(n, key=str(n)) for n in range(8)])
    slow, *others = running.step()
    assert len(others) >= 1
    assert running.shard.busy
    for batch in others:
        running.shard.complete(batch, 0)
    assert running.shard.checkpoint == slow.records[0].position
    running.shard.complete(slow, 0)
    running.to_the_end()
    assert running.shard.checkpoint == 8, PARAMETERS
    assert not running.shard.busy


def test_reading_ahead_is_bounded() -> None:
    shard = Shard(Settings(batch_size=3, lanes=2))
    assert shard.capacity == 12
    shard.add_records([record(n) for n in range(12)], 0)
    assert shard.capacity == 0


def test_filtered_records_count_as_processed() -> None:
    ended = run(
        Settings(batch_size=2), [record(n, wanted=n % 2 == 0) for n in range(6)], poisoned()
    )
    assert ended.invoked == [[0, 2], [4]], GUIDE + "invocation-eventfiltering.html"
    assert ended.shard.checkpoint == 6


@pytest.mark.parametrize(
    ("position", "timestamp", "expected"),
    [
        ("TRIM_HORIZON", 0, 0),
        ("LATEST", 0, 4),
        ("AT_TIMESTAMP", 20, 1),
        ("AT_TIMESTAMP", 21, 3),
        ("AT_TIMESTAMP", 31, 4),
    ],
)
def test_starting_position_of_a_new_mapping(position: str, timestamp: float, expected: int) -> None:
    assert start(position, [10, 20, 20, 30], timestamp) == expected, PARAMETERS


def test_settings_are_read_as_lambda_names_them() -> None:
    mapping = {
        "BatchSize": "7", "MaximumBatchingWindowInSeconds": 2, "ParallelizationFactor": 3,
        "MaximumRetryAttempts": 0, "MaximumRecordAgeInSeconds": 60, "TumblingWindowInSeconds": 30,
        "BisectBatchOnFunctionError": True, "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }  # fmt: skip
    assert Settings.of(mapping, delay_scale=1) == Settings(
        batch_size=7, batching_window=2, lanes=3, retries=0, age=60, bisect=True, reports=True,
        tumbling_window=30,
    ), PARAMETERS  # fmt: skip
    assert Settings.of({}, delay_scale=1) == Settings()


# Tumbling windows


def counting(batch: Batch) -> dict[str, Any]:
    assert batch.window
    return {"answer": {"state": {"n": batch.window.state.get("n", 0) + len(batch.records)}}}


def windows_of(running: Run) -> list[tuple[Any, ...]]:
    """Drive it to its end; return the window of each invocation."""
    windows = []
    function = running.function

    def noting(batch: Batch) -> dict[str, Any]:
        w = batch.window
        assert w
        positions = [r.position for r in batch.records]
        windows.append((positions, w.start, w.state.get("n", 0), w.final, w.early))
        return function(batch)

    running.function = noting
    running.to_the_end()
    return windows


def test_window_carries_its_state_to_a_final_invocation() -> None:
    running = Run(Shard(Settings(batch_size=2, tumbling_window=60)), counting, now=130)
    running.add_records(record(n, arrived=arrived) for n, arrived in enumerate([61, 70, 119, 120]))
    assert windows_of(running) == [
        ([0, 1], 60, 0, False, False),
        ([2], 60, 2, False, False),
        ([], 60, 3, True, False),
        ([3], 120, 0, False, False),
        ([], 120, 1, True, False),
    ], WINDOWS
    assert running.now == 180, "the last window ends by the clock"


def test_answer_without_state_is_a_failure() -> None:
    running = Run(Shard(Settings(tumbling_window=60, retries=0)), lambda batch: {"answer": {}})
    running.add_records([record(0)])
    (batch,) = running.step()
    running.shard.complete(batch, 0, answer={})
    assert [p.condition for p in running.shard.due(0)[1]] == ["RetryAttemptsExhausted"], WINDOWS


def test_failed_final_invocation_blocks_later_windows() -> None:
    failures = iter([True] * 3)

    def function(batch: Batch) -> dict[str, Any]:
        final = batch.window is not None and batch.window.final
        return {"error": True} if final and next(failures, False) else counting(batch)

    running = Run(Shard(Settings(tumbling_window=60, retries=0)), function, now=60)
    running.add_records([record(0, arrived=1), record(1, arrived=60)])
    windows = windows_of(running)
    assert [positions for positions, *_ in windows] == [[0], [], [], [], [], [1], []], WINDOWS
    assert not running.given_up
    assert running.shard.checkpoint == 2


def test_too_large_state_ends_the_window_early() -> None:
    def function(batch: Batch) -> dict[str, Any]:
        return {"answer": {"state": {"n": 1, "much": "x" * 2**20 if batch.records else ""}}}

    running = Run(Shard(Settings(batch_size=1, tumbling_window=60)), function)
    running.add_records([record(0, arrived=1), record(1, arrived=2)])
    assert windows_of(running)[:3] == [
        ([0], 0, 0, False, False),
        ([], 0, 1, True, True),
        ([1], 0, 0, False, False),
    ], WINDOWS


def test_closed_shard_ends_its_window_and_is_finished() -> None:
    running = Run(Shard(Settings(tumbling_window=60, batching_window=10)), counting)
    running.add_records([record(0)])
    running.shard.close()
    (batch,) = running.step()
    assert not running.shard.finished
    running.shard.complete(batch, 0, answer={"state": {"n": 1}})
    assert (running.shard.checkpoint, running.shard.finished) == (1, False)
    assert [final for *_, final, _ in windows_of(running)] == [True], WINDOWS
    assert running.now == 0, "it waits for neither window"
    assert running.shard.finished


# What must hold whatever happens

options = strategies.builds(
    Settings,
    batch_size=strategies.integers(1, 6),
    batching_window=strategies.sampled_from([0, 3]),
    lanes=strategies.integers(1, 4),
    retries=strategies.integers(0, 3),
    bisect=strategies.booleans(),
    reports=strategies.booleans(),
)


@dataclass
class World:
    """Random keys, poison and endings; notes what came of each record."""

    options: Settings
    keys: str
    poison: frozenset[int]
    chance: Random
    now: float = 0
    tried: Counter[int] = field(default_factory=Counter)
    processed: list[int] = field(default_factory=list)
    discarded: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.restart(0)

    def restart(self, position: int) -> None:
        self.shard = Shard(self.options, position)
        self.read = position
        self.running: list[Batch] = []
        self.checkpoint = position

    def step(self) -> None:
        fresh = min(self.chance.randint(0, 5), self.shard.capacity, len(self.keys) - self.read)
        coming = range(self.read, self.read + fresh)
        self.shard.add_records([record(n, self.keys[n]) for n in coming], self.now)
        self.read += fresh
        self.do_what_is_due()
        if self.running and self.chance.random() < 0.5:
            self.end(self.running.pop(self.chance.randrange(len(self.running))))
            self.do_what_is_due()
        else:
            due = self.shard.next_due()
            self.now = max(self.now + 1, due if due < math.inf else 0)
        assert self.shard.checkpoint >= self.checkpoint, "it never goes back"
        self.checkpoint = self.shard.checkpoint
        done = {*self.processed, *self.discarded}
        assert done >= set(range(self.checkpoint)), "never past an unfinished record"

    def do_what_is_due(self) -> None:
        batches, discarded = self.shard.due(self.now)
        for batch in batches:
            busy = {r.key for other in self.running for r in other.records}
            assert not busy & {r.key for r in batch.records}, "one key, one batch at a time"
            self.running.append(batch)
        self.discarded += [r.position for given_up in discarded for r in given_up.records]

    def end(self, batch: Batch) -> None:
        if self.chance.random() < 0.1:
            self.shard.complete(batch, self.now, throttled=True)
            return
        positions = [r.position for r in batch.records]
        self.tried.update(positions)
        bad = [p for p in positions if p in self.poison]
        if bad and not self.options.reports:
            self.shard.complete(batch, self.now, error=True)
        else:
            self.processed += positions[: positions.index(bad[0])] if bad else positions
            self.shard.complete(batch, self.now, answer=failing(*map(str, bad)))

    @property
    def idle(self) -> bool:
        return self.shard.checkpoint == len(self.keys)

    def to_the_end(self) -> None:
        for _ in range(20_000):
            if self.idle:
                return
            self.step()
        raise AssertionError("it never ends")

    def crash(self) -> None:
        """Forget all but the checkpoint. What was running has taken effect."""
        for batch in self.running:
            if not self.poison & {r.position for r in batch.records}:
                self.processed += [r.position for r in batch.records]
        self.restart(self.shard.checkpoint)


worlds = strategies.builds(
    World,
    options=options,
    keys=strategies.text("abcdef", min_size=1, max_size=30),
    poison=strategies.frozensets(strategies.integers(0, 29), max_size=4),
    chance=strategies.integers(0, 2**32).map(Random),
)


def in_order_per_key(world: World) -> bool:
    """Whether each key's records were first done in the order in which they came."""
    first = list(dict.fromkeys(world.processed))
    return all(
        mine == sorted(mine)
        for key in set(world.keys)
        for mine in [[p for p in first if world.keys[p] == key]]
    )


@settings(max_examples=400)
@given(worlds)
def test_no_record_is_lost_and_the_order_of_each_key_is_kept(world: World) -> None:
    world.to_the_end()
    assert set(world.processed) | set(world.discarded) == set(range(len(world.keys)))
    assert not set(world.processed) & set(world.discarded)
    assert in_order_per_key(world)


@settings(max_examples=400)
@given(worlds)
def test_attempts_are_bounded(world: World) -> None:
    world.to_the_end()
    # Each split leaves less than there was; each size is tried once and `retries` times again.
    most = world.options.batch_size + world.options.retries + 1
    assert all(count <= most for count in world.tried.values())


@settings(max_examples=400)
@given(worlds)
def test_poison_stays_alone_with_bisecting(world: World) -> None:
    if not world.options.bisect:
        return
    world.to_the_end()
    assert sorted(world.discarded) == [p for p in range(len(world.keys)) if p in world.poison]


@settings(max_examples=400)
@given(worlds, strategies.integers(1, 40))
def test_restart_from_the_checkpoint_repeats_and_loses_nothing(world: World, steps: int) -> None:
    for _ in range(steps):
        if not world.idle:
            world.step()
    world.crash()
    world.to_the_end()
    assert set(world.processed) | set(world.discarded) == set(range(len(world.keys)))
    if world.options.bisect:
        assert set(world.discarded) == world.poison & set(range(len(world.keys)))

"""The rules of a stream mapping, as AWS documents them."""

from itertools import pairwise
from typing import Any

import pytest

from emulator.delivery_rules.stream_batches import Shard
from emulator.delivery_rules.stream_records import Settings, start
from tests.support.stream_batches import (
    DISCARDED,
    GUIDE,
    PARAMETERS,
    REPORTS,
    Function,
    Run,
    failing,
    four,
    poisoned,
    record,
    run,
)

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

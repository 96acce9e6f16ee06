"""Tumbling windows of a stream mapping, as AWS documents them."""

from typing import Any

from emulator.delivery_rules.stream_batches import Shard
from emulator.delivery_rules.stream_records import Batch, Settings
from tests.support.stream_batches import GUIDE, Run, record

WINDOWS = GUIDE + "services-kinesis-windows.html"


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

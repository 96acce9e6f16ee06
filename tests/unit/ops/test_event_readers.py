"""Events for a rebuild are read from a replay and from the order stream."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ops.deployed import OperationError
from ops.replay.archive import Replay
from ops.views.event_readers import MAX_EMPTY_RECEIVES, OrderStreamReader, replay_all
from ops.views.sources import OrderEventSource, RebuildContext, drain, follow
from tests.support.doubles import ClientDouble

NOW = datetime(2026, 12, 1, tzinfo=UTC)


class Queue:
    """A replay of so many messages, and nothing held but those that were taken and not done."""

    def __init__(self, count: int, *, ends_after: int = 0) -> None:
        self.left = count
        self.held = self.most_held = 0
        self.looks = 0
        self.ends_after = ends_after

    @property
    def is_complete(self) -> bool:
        self.looks += 1
        return self.looks > self.ends_after

    def receive(self) -> list[Any]:
        some = min(10, self.left)
        self.left -= some
        self.held += some
        self.most_held = max(self.most_held, self.held)
        return [{"Body": "{}"}] * some

    def delete(self, messages: Sequence[Any]) -> None:
        self.held -= len(messages)


def drain_all(
    queue: Queue, write: Callable[[Sequence[Any]], None], workers: int = 1
) -> Iterator[int]:
    return drain(cast(Any, queue), cast(Any, queue), write, workers=workers)


class TestReplaying:
    def test_messages_are_all_read_and_only_those_in_work_stay_invisible(self):
        queue, written = Queue(5_000), []

        last = list(drain_all(queue, lambda bodies: written.append(len(bodies)), workers=4))[-1]

        assert last == sum(written) == 5_000
        assert queue.held == 0
        assert queue.most_held <= 4 * 10

    def test_empty_queue_does_not_end_a_running_replay(self):
        queue = Queue(0, ends_after=20)

        list(drain_all(queue, lambda _: None))

        assert queue.looks == 20 + MAX_EMPTY_RECEIVES

    def test_unwritten_messages_are_not_deleted(self):
        queue = Queue(10)

        def fail(_: Sequence[Any]) -> None:
            raise ValueError

        with pytest.raises(ValueError):
            list(drain_all(queue, fail))
        assert queue.held == 10

    def test_replay_reaches_the_rule_for_replays_only(self):
        events = Events()
        replay(events)

        assert events.started["Destination"] == {"Arn": "bus", "FilterArns": ["rule"]}
        assert events.started["EventEndTime"] == NOW

    def test_replay_is_refused_while_another_runs(self):
        events = Events(running=["rebuild-Sales-1"])

        with pytest.raises(OperationError, match="rebuild-Sales-1 is running"):
            replay(events)
        assert events.started == {}

    @pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
    def test_failed_or_cancelled_replay_is_an_error(self, state: str):
        events = Events(state=state)
        asked = replay(events)

        with pytest.raises(OperationError, match=f"r is {state}"):
            _ = asked.is_complete

    @pytest.mark.parametrize(("state", "cancelled"), [("RUNNING", ["r"]), ("COMPLETED", [])])
    def test_stopped_rebuild_cancels_its_running_replay(self, state: str, cancelled: list[str]):
        events = Events(state=state)
        source = OrderEventSource(context(events))
        source.stop()
        assert events.cancelled == []
        source.start()

        source.stop()

        assert events.cancelled == cancelled


class Events(ClientDouble):
    """EventBridge, as far as replays go."""

    def __init__(self, *, running: Sequence[str] = (), state: str = "RUNNING") -> None:
        self.running = running
        self.state = state
        self.started: dict[str, Any] = {}
        self.cancelled: list[str] = []

    def list_replays(self, *, EventSourceArn: str, State: str) -> dict[str, Any]:  # noqa: N803
        names = self.running if State == "RUNNING" else ()
        return {"Replays": [{"ReplayName": name} for name in names]}

    def describe_archive(self, *, ArchiveName: str) -> dict[str, Any]:  # noqa: N803
        return {"CreationTime": NOW - timedelta(days=9), "EventSourceArn": "bus"}

    def start_replay(self, **given: Any) -> None:
        self.started = given

    def describe_replay(self, *, ReplayName: str) -> dict[str, Any]:  # noqa: N803
        return {"State": self.state}

    def cancel_replay(self, *, ReplayName: str) -> None:  # noqa: N803
        self.cancelled.append(ReplayName)


BACKBONE = {
    "EventArchiveArn": "arn:aws:events:r:a:archive/events",
    "ReplayRuleArn": "rule",
    "ReplayQueueUrl": "queue",
    "OrderStreamName": "orders",
}


def replay(events: Events) -> Replay:
    return replay_all(events, BACKBONE, "r", until=NOW)


def context(events: Events) -> RebuildContext:
    deployed = SimpleNamespace(outputs=lambda _: BACKBONE, client=lambda _: events)
    return RebuildContext(
        deployed=cast(Any, deployed),
        name="r",
        began=NOW,
        overlap=timedelta(0),
        idle=cast(Any, None),
        write=lambda _: None,
    )


class Expired(Exception):
    pass


class Kinesis(ClientDouble):
    """A shard ``a`` that was split after its first records into ``b``; iterators expire once."""

    class exceptions:  # noqa: N801
        ExpiredIteratorException = Expired

    def __init__(self) -> None:
        self.records = {"a": [b"1", b"2"], "b": [b"3"]}
        self.known = ["a"]
        self.expire = False
        self.asked: list[dict[str, Any]] = []

    def get_paginator(self, _: str) -> "Kinesis":
        return self

    def paginate(self, *, StreamName: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        yield {"Shards": [{"ShardId": shard} for shard in self.known]}

    def get_shard_iterator(self, *, StreamName: str, ShardId: str, **after: Any) -> dict[str, str]:  # noqa: N803
        self.asked.append({"ShardId": ShardId, **after})
        position = int(after.get("StartingSequenceNumber", 0))
        return {"ShardIterator": f"{ShardId}/{position}"}

    def get_records(self, *, ShardIterator: str, Limit: int) -> dict[str, Any]:  # noqa: N803
        if self.expire:
            self.expire = False
            raise Expired
        shard, _, at = ShardIterator.partition("/")
        position = int(at)
        data = self.records[shard][position : position + 1]
        ended = shard == "a" and position + len(data) == len(self.records["a"])
        if ended:
            self.known = ["a", "b"]
        return {
            "Records": [{"Data": each, "SequenceNumber": str(position + 1)} for each in data],
            "NextShardIterator": None if ended else f"{shard}/{position + len(data)}",
            "MillisBehindLatest": 1_000 * (len(self.records[shard]) - position - len(data)),
        }


class TestFollowing:
    @pytest.fixture(autouse=True)
    def workers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ops.views.event_readers.time.sleep", lambda _: None)

    def test_reader_continues_in_child_shards_and_after_expired_iterators(self):
        kinesis = Kinesis()
        stream = OrderStreamReader(kinesis, "orders", since=NOW)
        seen: list[bytes] = []

        behind = [follow(stream, seen.extend)]
        kinesis.expire = True
        behind += [follow(stream, seen.extend), follow(stream, seen.extend)]

        assert seen == [b"1", b"2", b"3"]
        # What is in the shards that came of it is not read when it ends.
        assert behind == [1_000, 1, 0]
        assert kinesis.asked[0]["Timestamp"] == NOW
        assert kinesis.asked[1]["StartingSequenceNumber"] == "1"

    def test_shard_is_read_once_a_second(self, monkeypatch: pytest.MonkeyPatch):
        waits: list[float] = []
        monkeypatch.setattr("ops.views.event_readers.time.sleep", waits.append)
        stream = OrderStreamReader(Kinesis(), "orders", since=NOW)

        follow(stream, lambda _: None)
        follow(stream, lambda _: None)

        assert waits[0] == 0
        assert 0.5 < waits[1] <= 1

    def test_second_read_is_due_after_a_second(self, monkeypatch: pytest.MonkeyPatch):
        source = OrderEventSource(context(cast(Any, Kinesis())))
        now = 100.0
        monkeypatch.setattr("ops.views.event_readers.time.monotonic", lambda: now)

        due = [source.is_due]
        source.follow()
        due.append(source.is_due)
        now += 1
        due.append(source.is_due)

        assert due == [True, False, True]

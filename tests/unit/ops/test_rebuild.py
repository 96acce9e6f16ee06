"""The parts of a rebuild that need no cloud: reading, following, comparing, and what they hold."""

import io
import json
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from lambdas.contracts.envelope import EventEnvelope
from ops import __main__ as command
from ops.deployed import OperationError, deployed
from ops.replay.archive import Replay
from ops.terminal import Terminal
from ops.views.compare import MAX_DIFFS, PAGE, DynamoTable, compare, still_differing
from ops.views.event_readers import MAX_EMPTY_RECEIVES, OrderStreamReader, replay_all
from ops.views.rebuild import CONFLICT_RETRIES, ProjectionWriter, Rebuild, project_with_retries
from ops.views.registry import VIEWS
from ops.views.sources import OrderEventSource, RebuildContext, drain, follow
from stacks.environments import ENVIRONMENTS
from tests.support.doubles import ClientDouble
from tests.unit.storefront.fakes import FakeTable
from tests.unit.storefront.order_events import bus_event, order_history

NOW = datetime(2026, 12, 1, tzinfo=UTC)
PATIENCE = 10
"""Seconds until a test gives up what it waits for; nothing is asserted of how long it took."""


class Items(ClientDouble):
    """boto3's table and its service in one: page by page, of any size."""

    name = "table"
    key_schema = ({"AttributeName": "id"},)

    def __init__(self, count: int, **changed: str) -> None:
        self.count = count
        self.changed = changed
        self.most_at_once = 0

    def come(self) -> None:
        """What was late is there."""
        self.changed = {}

    def item(self, number: int) -> dict[str, Any]:
        name = f"i{number}"
        return {"id": name, "value": self.changed.get(name, "same")}

    def scan(
        self,
        *,
        ConsistentRead: bool,  # noqa: N803
        Limit: int,  # noqa: N803
        ExclusiveStartKey: Any = None,  # noqa: N803
    ) -> dict[str, Any]:
        assert ConsistentRead
        start = ExclusiveStartKey["next"] if ExclusiveStartKey else 0
        end = min(start + Limit, self.count)
        self.most_at_once = max(self.most_at_once, end - start)
        more = {"LastEvaluatedKey": {"next": end}} if end < self.count else {}
        return {"Items": [self.item(n) for n in range(start, end)], **more}

    def batch_get_item(self, *, RequestItems: Any) -> dict[str, Any]:  # noqa: N803
        wanted = RequestItems["table"]
        assert wanted["ConsistentRead"]
        numbers = [int(key["id"][1:]) for key in wanted["Keys"]]
        self.most_at_once = max(self.most_at_once, len(numbers))
        # DynamoDB may leave some for another time.
        now, later = numbers[:40], wanted["Keys"][40:]
        found = [self.item(n) for n in now if n < self.count]
        unprocessed = {"table": {"Keys": later}} if later else {}
        return {"Responses": {"table": found}, "UnprocessedKeys": unprocessed}


class Busy(Items):
    """It answers one key at a time."""

    def batch_get_item(self, *, RequestItems: Any) -> dict[str, Any]:  # noqa: N803
        first, *later = RequestItems["table"]["Keys"]
        answer = super().batch_get_item(
            RequestItems={"table": RequestItems["table"] | {"Keys": [first]}}
        )
        return answer | {"UnprocessedKeys": {"table": {"Keys": later}} if later else {}}


def tables(one: Items, other: Items) -> tuple[DynamoTable, DynamoTable]:
    return DynamoTable(one, one), DynamoTable(other, other)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody waits; what would have been waited for is noted."""
    noted: list[float] = []
    monkeypatch.setattr("ops.views.compare.time.sleep", noted.append)
    return noted


@pytest.mark.usefixtures("pauses")
class TestComparing:
    def test_what_is_the_same_is_equal_however_much_it_is(self):
        one, other = Items(5 * PAGE + 7), Items(5 * PAGE + 7)

        (found,) = compare(*tables(one, other), meanwhile=lambda: None)

        assert (found.items, found.differing) == (5 * PAGE + 7, [])
        assert max(one.most_at_once, other.most_at_once) <= 100

    def test_an_item_that_differs_or_is_missing_on_either_side_is_found(self):
        live, rebuilt = tables(Items(205, i7="other"), Items(203))

        (found,) = compare(live, rebuilt, meanwhile=lambda: None)
        (turned,) = compare(rebuilt, live, meanwhile=lambda: None)

        assert set(found.differing) == set(turned.differing) == {("i7",), ("i203",), ("i204",)}

    def test_many_differences_are_told_some_at_a_time_and_all_of_them(self):
        found = list(compare(*tables(Items(3 * MAX_DIFFS + 7), Items(0)), meanwhile=lambda: None))

        assert [len(each.differing) for each in found] == [MAX_DIFFS, MAX_DIFFS, MAX_DIFFS, 7]
        assert [each.items for each in found] == [
            MAX_DIFFS,
            2 * MAX_DIFFS,
            3 * MAX_DIFFS,
            3 * MAX_DIFFS + 7,
        ]
        assert len({key for each in found for key in each.differing}) == 3 * MAX_DIFFS + 7

    def test_what_a_busy_table_did_not_answer_is_asked_for_after_ever_longer_pauses(
        self, pauses: list[float], monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("ops.views.compare.random.uniform", lambda _, longest: longest)
        table, _ = tables(Busy(8), Items(0))

        found = table.batch_get([(f"i{number}",) for number in range(8)])

        assert len(found) == 8
        assert pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0]

    def test_facts_are_written_between_pages(self):
        calls: list[int] = []

        list(compare(*tables(Items(3 * PAGE), Items(3 * PAGE)), meanwhile=lambda: calls.append(1)))

        assert len(calls) == 6

    def test_what_was_late_is_equal_when_it_has_come(self):
        live, late = Items(2), Items(2, i1="old")
        keys = [("i1",)]
        assert still_differing(*tables(live, late), keys) == keys

        late.changed.clear()

        assert still_differing(*tables(live, late), keys) == []


def late(number: int) -> dict[str, str]:
    return {f"i{n}": "late" for n in range(number)}


Prove = Callable[[Items, Items], tuple[bool, str]]


@pytest.mark.usefixtures("pauses")
class TestProving:
    @pytest.fixture
    def prove(self, monkeypatch: pytest.MonkeyPatch) -> Prove:
        """Proves tables equal; what is late comes while it is looked at again, and not before."""
        clock = count()
        monkeypatch.setattr(
            "ops.views.rebuild.time", SimpleNamespace(monotonic=lambda: next(clock))
        )

        def prove(live: Items, idle: Items) -> tuple[bool, str]:
            calls, said = count(1), list[str]()

            def catch_up() -> int:
                if next(calls) == MAX_DIFFS // PAGE + 3:
                    idle.come()
                return 0

            rebuild = Rebuild(
                deployed=cast(Any, None),
                view=VIEWS["timelines"],
                progress=said.append,
                compare_timeout=timedelta(seconds=9),
            )
            return rebuild._verify(*tables(live, idle), catch_up, catch_up), said[-1]

        return prove

    def test_what_is_behind_so_many_that_were_late_is_compared_too(self, prove: Prove):
        """Of what is missing there are fewer than would stop the comparison."""
        live, idle = Items(4 * MAX_DIFFS), Items(4 * MAX_DIFFS - 1, **late(MAX_DIFFS + 200))

        assert prove(live, idle) == (False, f"not equal: 1 of {4 * MAX_DIFFS:,} items differ")

    def test_many_that_were_late_are_equal_when_they_have_come(self, prove: Prove):
        live, idle = Items(4 * MAX_DIFFS), Items(4 * MAX_DIFFS, **late(3 * MAX_DIFFS))

        assert prove(live, idle) == (True, f"equal: {4 * MAX_DIFFS:,} items")

    def test_so_many_that_never_come_end_it(self, prove: Prove):
        live, idle = Items(4 * MAX_DIFFS), Items(0)

        assert prove(live, idle) == (
            False,
            f"not equal: {MAX_DIFFS:,} of {MAX_DIFFS:,} items differ",
        )


def test_what_a_writer_of_old_had_in_hand_is_caught_up_with_after_the_switch():
    done: list[Any] = []

    def change(*what: str, meanwhile: Callable[[], None]) -> None:
        meanwhile()
        done.append(what)

    deployed = SimpleNamespace(parameters=lambda _: {"TimelinesSlot": "0"}, change=change)
    rebuild = Rebuild(
        deployed=cast(Any, deployed), view=VIEWS["timelines"], progress=lambda _: None
    )

    rebuild._switch(lambda: done.append("caught up"))

    assert done == ["caught up", ("Storefront", "TimelinesSlot", "1"), "caught up"]


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
    def test_all_comes_and_no_more_is_held_than_is_in_work(self):
        queue, written = Queue(5_000), []

        last = list(drain_all(queue, lambda bodies: written.append(len(bodies)), workers=4))[-1]

        assert last == sum(written) == 5_000
        assert queue.held == 0
        assert queue.most_held <= 4 * 10

    def test_an_empty_queue_is_no_end_while_the_replay_goes_on(self):
        queue = Queue(0, ends_after=20)

        list(drain_all(queue, lambda _: None))

        assert queue.looks == 20 + MAX_EMPTY_RECEIVES

    def test_what_could_not_be_written_is_not_done(self):
        queue = Queue(10)

        def fail(_: Sequence[Any]) -> None:
            raise ValueError

        with pytest.raises(ValueError):
            list(drain_all(queue, fail))
        assert queue.held == 10

    def test_a_replay_names_the_rule_that_it_may_reach_as_the_only_one(self):
        events = Events()
        replay(events)

        assert events.started["Destination"] == {"Arn": "bus", "FilterArns": ["rule"]}
        assert events.started["EventEndTime"] == NOW

    def test_it_is_refused_while_another_is_under_way(self):
        events = Events(running=["rebuild-Sales-1"])

        with pytest.raises(OperationError, match="rebuild-Sales-1 is running"):
            replay(events)
        assert events.started == {}

    @pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
    def test_one_that_comes_to_another_end_is_an_error(self, state: str):
        events = Events(state=state)
        asked = replay(events)

        with pytest.raises(OperationError, match=f"r is {state}"):
            _ = asked.is_complete

    @pytest.mark.parametrize(("state", "cancelled"), [("RUNNING", ["r"]), ("COMPLETED", [])])
    def test_what_is_broken_off_cancels_its_replay(self, state: str, cancelled: list[str]):
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
    "EventArchiveArn": "arn:aws:events:r:a:archive/facts",
    "ReplayRuleArn": "rule",
    "ReplayQueueUrl": "queue",
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

    def test_it_goes_on_in_the_shards_that_came_of_another_and_where_it_was(self):
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

    def test_a_shard_is_read_once_a_second(self, monkeypatch: pytest.MonkeyPatch):
        waits: list[float] = []
        monkeypatch.setattr("ops.views.event_readers.time.sleep", waits.append)
        stream = OrderStreamReader(Kinesis(), "orders", since=NOW)

        follow(stream, lambda _: None)
        follow(stream, lambda _: None)

        assert waits[0] == 0
        assert 0.5 < waits[1] <= 1


class TestWriting:
    def test_a_view_is_the_same_in_any_order_and_however_often(self):
        bodies = [json.dumps(bus_event(fact)) for fact in order_history()]
        written: list[Any] = []
        for order in (bodies, bodies[::-1] + bodies):
            table = FakeTable()
            view = VIEWS["timelines"]
            ProjectionWriter(view, view.projector("table", table))([*order, b"poison"])
            written.append(table.items)

        assert written[0] == written[1] != {}

    @pytest.mark.parametrize(("workers", "meet"), [(1, False), (2, True)])
    def test_no_more_batches_are_written_at_a_time_than_the_view_bears(
        self, workers: int, meet: bool
    ):
        both, met = threading.Barrier(2), list[bool]()

        def project(_: Sequence[EventEnvelope[Any]]) -> None:
            try:
                both.wait(0.2 if workers == 1 else PATIENCE)
                met.append(True)
            except threading.BrokenBarrierError:
                met.append(False)

        write = ProjectionWriter(replace(VIEWS["timelines"], max_parallel_writes=workers), project)
        body = json.dumps(bus_event(next(iter(order_history()))))
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(write, [[body], [body]]))

        assert met == [meet, meet]

    def test_what_makes_no_sense_is_counted_and_passed_over(self):
        view = VIEWS["timelines"]
        write = ProjectionWriter(view, view.projector("table", FakeTable()))

        write([json.dumps(bus_event(fact)) for fact in order_history()] + [b"poison"])

        assert (write.events, write.unreadable) == (len(list(order_history())), 1)

    def test_transactions_that_meet_another_are_tried_again(self, monkeypatch: pytest.MonkeyPatch):
        at_once = replace(CONFLICT_RETRIES, base_delay=0)
        monkeypatch.setattr("ops.views.rebuild.CONFLICT_RETRIES", at_once)
        tries: list[int] = []

        def meets(_: Sequence[EventEnvelope[Any]], times: int, code: str) -> None:
            tries.append(1)
            if len(tries) <= times:
                raise ClientError({"Error": {"Code": code}}, "TransactWriteItems")

        project_with_retries(lambda facts: meets(facts, 3, "TransactionCanceledException"), [])
        assert len(tries) == 4
        for times, code in ((99, "TransactionCanceledException"), (1, "AccessDenied")):
            tries.clear()
            with pytest.raises(ClientError):
                project_with_retries(lambda facts: meets(facts, times, code), [])  # noqa: B023
            assert len(tries) == min(times, CONFLICT_RETRIES.max_attempts)


class TestCommand:
    @pytest.fixture
    def run(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> Callable[..., tuple[int, str]]:
        def run(*arguments: str, **environment: str) -> tuple[int, str]:
            for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_PROFILE"):
                monkeypatch.delenv(name, raising=False)
            monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
            monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
            monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
            for name, value in environment.items():
                monkeypatch.setenv(name, value)
            monkeypatch.setattr(sys, "argv", ["ops", "view", "rebuild", *arguments])
            try:
                return command.main(), capsys.readouterr().err
            except SystemExit as ended:
                return int(str(ended.code)), capsys.readouterr().err

        return run

    def test_what_is_missing_is_said_in_a_line(self, run: Callable[..., tuple[int, str]]):
        assert run("timelines")[1].startswith("no region: ")
        code, said = run("timelines", AWS_DEFAULT_REGION="eu-west-1")
        assert (code, said.count("\n")) == (2, 1)
        assert said.startswith("no credentials: ")

    @pytest.mark.parametrize(
        ("equal", "options", "switch", "code", "printed"),
        [
            (True, (), False, 0, {"equal": True, "switched": False}),
            (True, ("--yes",), True, 0, {"equal": True, "switched": True}),
            (False, (), False, 1, {"equal": False, "switched": False}),
            (False, ("--yes",), True, 1, {"equal": False, "switched": False}),
            (
                False,
                ("--yes", "--despite-differences"),
                True,
                0,
                {"equal": False, "switched": True},
            ),
            (False, ("--despite-differences",), False, 0, {"equal": False, "switched": False}),
        ],
    )
    def test_rebuild_switches_with_yes_only(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        equal: bool,
        options: tuple[str, ...],
        switch: bool,
        code: int,
        printed: dict[str, bool],
    ):
        asked: list[dict[str, bool]] = []

        def rebuild(_: Rebuild, **how: bool) -> bool:
            asked.append(how)
            return equal

        monkeypatch.setattr(Rebuild, "run", rebuild)
        monkeypatch.setattr(command, "deployed", lambda _: None)
        monkeypatch.setattr(sys, "argv", ["ops", "view", "rebuild", "sales", "--json", *options])

        assert command.main() == code
        assert json.loads(capsys.readouterr().out) == {"view": "sales", **printed}
        despite = "--despite-differences" in options
        assert asked == [{"switch": switch, "ignore_differences": despite}]

    @pytest.mark.parametrize(("options", "hint"), [((), True), (("--yes",), False)])
    def test_rebuild_without_yes_says_how_to_switch(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        options: tuple[str, ...],
        hint: bool,
    ):
        monkeypatch.setattr(Rebuild, "run", lambda *_, **__: True)
        monkeypatch.setattr(command, "deployed", lambda _: None)
        monkeypatch.setattr(sys, "argv", ["ops", "view", "rebuild", "sales", *options])

        assert command.main() == 0
        assert ("to switch to it, add --yes" in capsys.readouterr().out) == hint

    def test_an_unknown_view_is_told_those_there_are(self, run: Callable[..., tuple[int, str]]):
        code, said = run("prices")
        assert code == 2
        assert all(view in said for view in VIEWS)

    def test_elsewhere_than_on_a_terminal_a_step_is_its_first_and_its_last_line(
        self, monkeypatch: pytest.MonkeyPatch
    ):
        out = io.StringIO()
        monkeypatch.setattr(sys, "stdout", out)
        terminal = Terminal()

        for line in ("a: 1", "a: 2", "a: 3", "b: 1", "b: 2"):
            terminal.say(line)
        terminal.end()

        assert out.getvalue().split("\n") == ["a: 1", "a: 3", "b: 1", "b: 2", ""]

    def test_stacks_are_found_by_the_name_that_they_are_given(
        self, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
        for env in ENVIRONMENTS.values():
            assert deployed(env.name)._name("Storefront") == env.stack_name("Storefront")

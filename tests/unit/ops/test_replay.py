"""Which rules accept a replay, what its plan says, and how its progress is followed."""

import json
import signal
import threading
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from syrupy.assertion import SnapshotAssertion

from lambdas.contracts.orders import OrderConfirmed, OrderPlaced
from lambdas.contracts.patterns import live_pattern
from ops.commands import events_replay as command
from ops.commands.events_replay import follow, rules_of
from ops.deployed import Deployed, OperationError
from ops.replay.archive import Replay
from ops.replay.plan import ReplayPlan, Rule, parse_time, select_rules
from ops.terminal import Terminal
from tests.support.doubles import ClientDouble
from tests.support.signals import interruptible
from tests.unit.ops.account_fakes import client_error

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
AGO = timedelta(hours=1)
MINE: dict[str, Any] = {"source": ["com.aws.orders"], "replay-name": [{"exists": True}]}


def rule(name: str = "Mine", pattern: Any = MINE, **changed: Any) -> Rule:
    sent = {"arn": f"arn/{name}", "enabled": True, "targets": ("arn:aws:sqs:r:a:q",), **changed}
    return Rule(name=name, pattern=pattern, **sent)


class TestRules:
    def test_pattern_of_a_contract_excludes_replays(self):
        assert rule(pattern=live_pattern([OrderPlaced])).receives == ""

    def test_pattern_without_replay_name_gets_live_and_replayed_events(self):
        assert rule(pattern={"source": ["s"]}).receives == "live and replayed events"

    @pytest.mark.parametrize(
        ("names", "wrong"),
        [
            ("", "name the rules that are to get it"),
            ("None", "None is no rule of the bus"),
            ("Live", "Live excludes replayed events, so that nothing is done twice"),
            ("Off", "Off is disabled"),
            ("Bare", "Bare has no target"),
            ("Mine Live None", "Live excludes replayed .*; None is no rule of the bus"),
        ],
    )
    def test_unreachable_rule_is_refused_with_the_reachable_ones(self, names: str, wrong: str):
        rules = [
            rule(),
            rule("Live", live_pattern([OrderConfirmed])),
            rule("Off", enabled=False),
            rule("Bare", targets=()),
            rule("All", {}),
        ]
        with pytest.raises(
            OperationError, match=f"^{wrong}.*Rules that accept a replay: Mine, All$"
        ):
            select_rules(rules, names.split())

    def test_rule_given_twice_is_used_once(self):
        assert select_rules([rule(), rule("Other")], ["Mine", "Mine"]) == [rule()]


def plan(*, count: int = 1_000, days: int = 0, since: datetime = NOW - AGO) -> ReplayPlan:
    archive = {
        "ArchiveName": "Archive",
        "EventCount": count,
        "SizeBytes": 123_456,
        "CreationTime": NOW - timedelta(hours=100),
        "EventSourceArn": "bus",
    }
    kept = {"RetentionDays": days} if days else {}
    return ReplayPlan(archive={**archive, **kept}, since=since, until=NOW, rules=[rule()])


class TestEstimate:
    @pytest.mark.parametrize(
        ("archive", "events"),
        [
            (plan(), 10),
            (plan(days=1), 42),
            (plan(since=NOW - timedelta(days=999)), 1_000),
            (replace(plan(), since=NOW - 999 * AGO, until=NOW - 998 * AGO), 0),
            (plan(count=0), None),
        ],
    )
    def test_estimate_is_the_periods_share_of_the_archive(
        self, archive: ReplayPlan, events: int | None
    ):
        assert archive.estimated_events(now=NOW) == events


class TestTimes:
    def test_times_are_utc_without_an_offset(self):
        assert parse_time("2026-12-01T12:00") == parse_time("2026-12-01T13:00+01:00") == NOW
        assert parse_time("2026-12-01") == NOW - 12 * AGO

    @pytest.mark.parametrize("text", ["noon", "0001-01-01T00:00+14:00"])
    def test_invalid_time_is_refused(self, text: str, capsys: pytest.CaptureFixture[str]):
        parser = ArgumentParser()
        command.arguments(parser)
        with pytest.raises(SystemExit):
            parser.parse_args(["--from", text])
        assert f"{text} is not a time such as 2026-12-01T08:00" in capsys.readouterr().err


class Events(ClientDouble):
    """EventBridge: one archive, its bus's rules, a replay that takes its time."""

    def __init__(self, *states: str) -> None:
        self.states = [*states, "COMPLETED"]
        self.started: dict[str, Any] = {}
        self.cancelled: list[str] = []
        self.refuses_to_cancel = self.missing = False
        self.while_starting: Callable[[], None] = lambda: None
        self.rules = {
            "Mine": MINE,
            "Live": live_pattern([OrderPlaced]),
            "Catchall": {"source": ["com.aws.orders"]},
        }

    def get_paginator(self, verb: str) -> Any:
        pages = {"list_rules": self.each_rule, "list_targets_by_rule": self.targets}
        return SimpleNamespace(paginate=pages[verb])

    def each_rule(self, EventBusName: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        for name, pattern in self.rules.items():
            fields = {"Name": name, "Arn": f"arn/{name}", "State": "ENABLED"}
            yield {"Rules": [{**fields, "EventPattern": json.dumps(pattern)}]}
        yield {"Rules": [{"Name": "Clock", "Arn": "arn/Clock", "State": "DISABLED"}]}

    def targets(self, Rule: str, EventBusName: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        yield {"Targets": [{"Arn": f"arn:aws:sqs:eu-west-1:1:{Rule}Queue"}]}

    def describe_archive(self, *, ArchiveName: str) -> Any:  # noqa: N803
        return {**plan(days=30).archive, "CreationTime": datetime.now(UTC) - 240 * AGO}

    def list_replays(self, **_: str) -> dict[str, Any]:
        return {"Replays": []}

    def start_replay(self, **given: Any) -> None:
        self.started = given
        self.while_starting()

    def describe_replay(self, *, ReplayName: str) -> dict[str, Any]:  # noqa: N803
        if self.missing:
            raise client_error("ResourceNotFoundException")
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {
            "State": state,
            **({"EventLastReplayedTime": NOW - AGO / 4} if state == "RUNNING" else {}),
        }

    def cancel_replay(self, *, ReplayName: str) -> None:  # noqa: N803
        if self.refuses_to_cancel:
            raise client_error("IllegalStatusException")
        self.cancelled.append(ReplayName)


class TestFollowing:
    def test_progress_is_shown_until_the_replay_ends(self):
        said: list[str] = []
        events = Events("STARTING", "RUNNING")

        follow(Replay(events, "r"), plan(), said.append, pause=lambda _: None)

        ended = ["replayed: 75%, up to 2026-12-01 11:45:00", "replayed: 100%"]
        assert said == ["replayed: 0%", *ended]
        assert events.cancelled == []

    def test_interruption_cancels_the_replay(self):
        events = Events("RUNNING", "RUNNING")

        def interrupt(_: float) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            follow(Replay(events, "r"), plan(), lambda _: None, pause=interrupt)

        assert events.cancelled == ["r"]

    def test_replay_that_ends_while_it_is_cancelled_is_no_error(self):
        events = Events("RUNNING")
        events.refuses_to_cancel = True

        Replay(events, "r").cancel()

        assert events.states == ["COMPLETED"]

    def test_running_replay_that_cannot_be_cancelled_is_an_error(self):
        events = Events("RUNNING", "RUNNING")
        events.refuses_to_cancel = True

        go_on = r"replay r may go on; 'aws events cancel-replay --replay-name r' ends it: .*Illegal"
        with pytest.raises(OperationError, match=go_on):
            Replay(events, "r").cancel()

    def test_replay_that_was_lost_sight_of_is_named(self):
        class Gone(Events):
            def describe_replay(self, *, ReplayName: str) -> dict[str, Any]:  # noqa: N803
                raise EndpointConnectionError(endpoint_url="https://events")

        with pytest.raises(
            OperationError, match=r"replay r may go on; .* Could not connect to the"
        ):
            follow(Replay(Gone(), "r"), plan(), lambda _: None)

    def test_failed_replay_is_an_error(self):
        with pytest.raises(OperationError, match="replay r is FAILED: no reason was given"):
            follow(Replay(Events("FAILED", "FAILED"), "r"), plan(), lambda _: None)


class TestCommand:
    @pytest.fixture
    def events(self) -> Events:
        return Events()

    def run(self, events: Events, *words: str) -> int:
        class Backbone:
            def outputs(self, stack: str) -> dict[str, str]:
                assert stack == "Backbone"
                return {"EventArchiveArn": "arn:archive/Archive", "EventBus": "Orders"}

            def client(self, service: str) -> Events:
                return events

        parser = ArgumentParser()
        command.arguments(parser)
        arguments = parser.parse_args(["--from", "2026-11-01", *words])
        return command.run(arguments, cast(Deployed, Backbone()), Terminal())

    def test_replay_without_yes_prints_the_plan_only(
        self, events: Events, capsys: pytest.CaptureFixture[str]
    ):
        assert self.run(events, "--rule", "Mine") == 0
        assert events.started == {}
        assert capsys.readouterr().out.endswith("nothing was replayed; to do it, add --yes\n")

    def test_replay_with_yes_names_its_rules(self, events: Events):
        until = "2026-11-02"
        assert self.run(events, "--to", until, "--rule", "Mine", "--rule", "Catchall", "--yes") == 0
        assert events.started["Destination"] == {
            "Arn": "bus",
            "FilterArns": ["arn/Mine", "arn/Catchall"],
        }
        assert events.started["EventEndTime"] == parse_time(until)

    @pytest.mark.parametrize("refused", [False, True])
    def test_interruption_while_the_replay_is_started_cancels_it(
        self, events: Events, refused: bool
    ):
        def interrupt() -> None:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            if refused:
                raise client_error("LimitExceededException")

        events.states = ["RUNNING", "RUNNING"]
        events.missing, events.while_starting = refused, interrupt

        with interruptible(), pytest.raises(KeyboardInterrupt):
            self.run(events, "--rule", "Mine", "--yes")

        assert events.cancelled == ([] if refused else [events.started["ReplayName"]])

    def test_replay_that_was_started_though_its_answer_was_lost_is_cancelled(self, events: Events):
        def lose_answer() -> None:
            raise ReadTimeoutError(endpoint_url="https://events")

        events.states, events.while_starting = ["RUNNING", "RUNNING"], lose_answer
        with pytest.raises(ReadTimeoutError):
            self.run(events, "--rule", "Mine", "--yes")

        assert events.cancelled == [events.started["ReplayName"]]

    def test_replay_json_is_one_document(self, events: Events, capsys: pytest.CaptureFixture[str]):
        self.run(events, "--rule", "Mine", "--yes", "--json")
        said = json.loads(capsys.readouterr().out)
        assert (said["replayed"], said["rules"][0]["name"]) == (True, "Mine")

    def test_invalid_time_argument_is_refused(self, events: Events):
        with pytest.raises(OperationError, match="--from has to be before --to"):
            self.run(events, "--to", "2026-10-01", "--rule", "Mine", "--yes")
        assert events.started == {}

    def test_plan_as_text(self, golden: SnapshotAssertion):
        rules = [*rules_of(Events(), "Orders")[::2], rule("Two", targets=("arn:aws:s:r:a:x",) * 2)]
        assert "\n".join(replace(plan(days=30), rules=rules).lines(now=NOW)) == golden

    def test_plan_as_json(self, golden: SnapshotAssertion):
        assert json.dumps(plan().as_json(now=NOW), indent=2) == golden

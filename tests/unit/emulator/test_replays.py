"""A replay on the local cloud that is cancelled delivers no more events, and stays cancelled."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ministack.services import eventbridge

from emulator.patches import replays
from tests.support.waiting import wait_until

BUS, RULE = "replayed", "Mine"


class Delivered:
    """A target that takes one event, and the next when it may."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.first = threading.Event()
        self.may_go_on = threading.Event()

    def __call__(self, target: Any, event: Any, rule: Any, view: Any = None) -> None:
        self.events.append(event["DetailType"])
        self.first.set()
        assert self.may_go_on.wait(timeout=30)


@pytest.fixture
def delivered(monkeypatch: pytest.MonkeyPatch) -> Iterator[Delivered]:
    to = Delivered()
    for name in ("_start_replay", "_cancel_replay"):
        monkeypatch.setattr(eventbridge, name, getattr(eventbridge, name))
    monkeypatch.setattr(eventbridge, "_invoke_target", to)
    replays.install()
    yield to
    to.may_go_on.set()
    eventbridge.reset()


def ask(action: Callable[[Any], Any], **given: Any) -> Any:
    code, _, body = action(given)
    assert code == 200, body
    return json.loads(body)


def start_replay() -> None:
    bus = ask(eventbridge._create_event_bus, Name=BUS)["EventBusArn"]
    archive = ask(eventbridge._create_archive, ArchiveName="a", EventSourceArn=bus)["ArchiveArn"]
    ask(
        eventbridge._put_events,
        Entries=[
            {"EventBusName": BUS, "Source": "s", "DetailType": f"{n}", "Detail": "{}"}
            for n in range(3)
        ],
    )
    rule = ask(
        eventbridge._put_rule, Name=RULE, EventBusName=BUS, EventPattern='{"source": ["s"]}'
    )["RuleArn"]
    target = {"Id": "t", "Arn": "arn:aws:sqs:us-east-1:000000000000:q"}
    ask(eventbridge._put_targets, Rule=RULE, EventBusName=BUS, Targets=[target])
    ask(
        eventbridge._start_replay,
        ReplayName="r",
        EventSourceArn=archive,
        EventStartTime=0,
        EventEndTime=10**10,
        Destination={"Arn": bus, "FilterArns": [rule]},
    )


def state() -> str:
    return str(ask(eventbridge._describe_replay, ReplayName="r")["State"])


def test_cancelled_replay_delivers_no_more_events_and_stays_cancelled(delivered: Delivered):
    others = set(threading.enumerate())
    start_replay()
    assert delivered.first.wait(timeout=30)

    ask(eventbridge._cancel_replay, ReplayName="r")
    delivered.may_go_on.set()

    wait_until("the replay has ended", lambda: others.issuperset(threading.enumerate()))
    assert (delivered.events, state()) == (["0"], "CANCELLED")


def test_progress_is_the_time_of_the_event_that_was_replayed_last(delivered: Delivered):
    start_replay()
    assert delivered.first.wait(timeout=30)

    found = ask(eventbridge._describe_replay, ReplayName="r")

    assert found["EventLastReplayedTime"] == eventbridge._archives["a"]["Events"][0]["Time"]
    delivered.may_go_on.set()
    wait_until("the replay is complete", lambda: state() == "COMPLETED")
    assert delivered.events == ["0", "1", "2"]

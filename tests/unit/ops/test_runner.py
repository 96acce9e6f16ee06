"""A run over many sinks attempts each dead letter once, also while its cause still stands."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from ops.dlq import purge, runner
from ops.dlq.failure_sinks import Mechanism
from tests.unit.ops.conftest import EmptyDeployed
from tests.unit.ops.dead_letter_samples import AT, dead_lettered_by, of_event, sink
from tests.unit.ops.fakes import FakeSinkReader

FIRST, SECOND = "shipping/DispatchShipmentDeadLetters", "shipping/OutboxDeadLetters"


class Clock:
    """The services' clock, which only sleeping moves; SQS shows it in whole seconds."""

    def __init__(self) -> None:
        self.now = AT + timedelta(hours=1, milliseconds=300)

    @property
    def shown(self) -> datetime:
        return self.now.replace(microsecond=0)

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch, run: Any) -> Iterator[Callable[[str], list[str]]]:
    """Redrives one dead letter whose function fails again, into the sink of that name."""
    clock, numbers = Clock(), count(1)

    def attempts(comes_back_in: str) -> list[str]:
        made: list[str] = []
        at = sink(FIRST)
        # It was dead-lettered in the second in which the run begins, and has no history.
        first = replace(dead_lettered_by(at.routes[0], at, id="m0"), sent_at=clock.now)
        readers = {
            FIRST: FakeSinkReader([first], began=clock.shown),
            SECOND: FakeSinkReader([], began=clock.shown),
        }

        def invoke(**_: Any) -> None:
            made.append("again")
            assert len(made) < 10, "the same work was attempted again and again"
            again = replace(first, id=f"m{next(numbers)}", sent_at=clock.now)
            readers[comes_back_in].messages.append(again)
            readers[comes_back_in].began = clock.shown

        monkeypatch.setattr(
            runner, "reader_for", lambda at, _: readers.get(at.name, FakeSinkReader([]))
        )
        monkeypatch.setattr(EmptyDeployed, "client", lambda *_: SimpleNamespace(invoke=invoke))
        monkeypatch.setattr("ops.dlq.runner.time.sleep", clock.sleep)
        return made

    yield attempts


@pytest.mark.parametrize("sink_of_the_failure", [FIRST, SECOND])
def test_dead_letter_whose_cause_stands_is_attempted_once_in_a_run(
    run: Any, attempts: Callable[[str], list[str]], sink_of_the_failure: str
):
    made = attempts(sink_of_the_failure)

    code, out, _ = run("dlq", "redrive", "--all", "--yes")

    assert made == ["again"]
    assert "1 moved, 0 could not be, 0 were left" in out
    # What comes back is left for an operator, who learns it.
    assert "1 more came meanwhile, or failed again" in out
    assert code == 1


@pytest.mark.parametrize(
    ("ending", "code"),
    [(KeyboardInterrupt(), 130), (EndpointConnectionError(endpoint_url="u"), 2)],
)
def test_redrive_that_is_cut_off_says_how_many_it_did_not_reach(
    run: Any, monkeypatch: pytest.MonkeyPatch, ending: BaseException, code: int
):
    """Else it seems that none is left."""
    at, clock = sink(FIRST), Clock()
    letters = [of_event(dead_lettered_by(at.routes[0], at, id=f"m{n}"), f"e{n}") for n in range(5)]
    reader = FakeSinkReader(letters, began=clock.shown)
    made = count(1)

    def invoke(**_: Any) -> None:
        if next(made) == 3:
            raise ending

    monkeypatch.setattr(runner, "reader_for", lambda *_: reader)
    monkeypatch.setattr(EmptyDeployed, "client", lambda *_: SimpleNamespace(invoke=invoke))
    monkeypatch.setattr("ops.dlq.runner.time.sleep", clock.sleep)

    ended, out, _ = run("dlq", "redrive", FIRST, "--yes")

    assert ended == code
    assert "2 were not reached: run it again\n2 moved, 0 could not be" in out


EVENTS = "notifications/NotifyCustomerDeadLetters"
RECORDS = "notifications/NotifyCustomerFailureRecords"
BY_LAMBDA = (Mechanism.FUNCTION_DLQ, Mechanism.DESTINATION)


class FailingInvocations:
    """A function that fails on each event; Lambda then writes to its queue and its destination."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pieces: int) -> None:
        self.made = 0
        self.clock = Clock()
        self.readers = {name: FakeSinkReader([]) for name in (EVENTS, RECORDS)}
        for number in range(pieces):
            self._fail(f"e{number}")
        self.clock.sleep(60)
        for module in (runner, purge):
            monkeypatch.setattr(module, "reader_for", lambda at, _: self._reader(at.name))
        client = SimpleNamespace(invoke=self._invoke)
        monkeypatch.setattr(EmptyDeployed, "client", lambda *_: client)
        monkeypatch.setattr("ops.dlq.runner.time.sleep", self.clock.sleep)

    @property
    def held(self) -> tuple[int, int]:
        """How many events and records there are."""
        return len(self.readers[EVENTS].ids), len(self.readers[RECORDS].ids)

    def _reader(self, name: str) -> FakeSinkReader:
        reader = self.readers.get(name, FakeSinkReader([]))
        reader.began = self.clock.shown
        return reader

    def _invoke(self, *, Payload: bytes, **_: Any) -> None:  # noqa: N803
        self.made += 1
        self._fail(json.loads(Payload)["detail"]["metadata"]["event_id"])

    def _fail(self, event_id: str) -> None:
        number = sum(self.held) + self.made
        for name in (EVENTS, RECORDS):
            at = sink(name)
            route = next(r for r in at.routes if r.mechanism in BY_LAMBDA)
            letter = of_event(dead_lettered_by(route, at, id=f"{name} {number}"), event_id)
            body = letter.body.replace('"requestId": "r"', f'"requestId": "r{number}"')
            said = letter.attributes and {**letter.attributes, "RequestID": f"r{number}"}
            letter = replace(letter, body=body, attributes=said, sent_at=self.clock.now)
            self.readers[name].messages.append(letter)


def test_two_dead_letters_of_one_invocation_are_attempted_once_in_every_run(
    run: Any, monkeypatch: pytest.MonkeyPatch
):
    function = FailingInvocations(monkeypatch, pieces=3)

    for runs in (1, 2, 3):
        _, out, _ = run("dlq", "redrive", "--all", "--yes")

        assert function.made == 3 * runs
        assert function.held == (3, 3)
        assert "3 moved, 3 were twins of these, 0 could not be" in out
        function.clock.sleep(60)


def test_redrives_that_are_cut_off_do_not_multiply_what_fails(
    run: Any, monkeypatch: pytest.MonkeyPatch
):
    """Each leaves the twin of what it handed over, and that fails again, with another twin."""
    function = FailingInvocations(monkeypatch, pieces=2)

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    for _ in range(3):
        with monkeypatch.context() as cut_off:
            cut_off.setattr("ops.terminal.Terminal.say", interrupted)
            assert run("dlq", "redrive", EVENTS, "--yes")[0] == 130
        function.clock.sleep(60)
    assert function.held == (2, 5)

    run("dlq", "redrive", "--all", "--yes")

    assert function.made == 3 + 2
    assert function.held == (2, 2)


@pytest.mark.parametrize("queue", [EVENTS, RECORDS])
def test_redrive_of_one_queue_deletes_the_twin_in_the_other(
    run: Any, monkeypatch: pytest.MonkeyPatch, queue: str
):
    function = FailingInvocations(monkeypatch, pieces=2)
    chosen = function.readers[queue].ids[1]

    code, out, _ = run("dlq", "redrive", queue, "--yes", "--id", chosen)

    assert (code, function.made) == (0, 1)
    assert "1 moved, 1 were twins of these, 0 could not be" in out
    # The other pair, and that of the invocation that failed again.
    assert function.held == (2, 2)
    assert chosen not in function.readers[queue].ids


@pytest.mark.parametrize("yes", [(), ("--yes",)])
@pytest.mark.parametrize(("queue", "other"), [(EVENTS, RECORDS), (RECORDS, EVENTS)])
def test_purge_deletes_the_twin_in_the_other_queue(
    run: Any, monkeypatch: pytest.MonkeyPatch, queue: str, other: str, yes: tuple[str]
):
    function = FailingInvocations(monkeypatch, pieces=2)
    chosen, twin = function.readers[queue].ids[1], function.readers[other].ids[1]

    code, out, _ = run("dlq", "purge", queue, "--id", chosen, *yes)

    assert code == 0
    assert f"the twin in {other}:\n{twin}\n" in out
    assert out.splitlines()[-1].startswith("2 deleted" if yes else "2 would be deleted")
    left = {name for name in (chosen, twin) for r in function.readers.values() if name in r.ids}
    assert left == (set() if yes else {chosen, twin})
    assert function.held == ((1, 1) if yes else (2, 2))


def test_dry_run_counts_twins_and_deletes_nothing(run: Any, monkeypatch: pytest.MonkeyPatch):
    function = FailingInvocations(monkeypatch, pieces=2)

    code, out, _ = run("dlq", "redrive", "--all")

    assert (code, function.made, function.held) == (0, 0, (2, 2))
    assert "2 would be moved, 2 were twins of these, 0 could not be" in out


def test_twin_of_what_could_not_be_moved_stays(run: Any, monkeypatch: pytest.MonkeyPatch):
    function = FailingInvocations(monkeypatch, pieces=1)

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": ""}}, "Invoke")

    client = SimpleNamespace(invoke=refuse)
    monkeypatch.setattr(EmptyDeployed, "client", lambda *_: client)

    code, out, _ = run("dlq", "redrive", "--all", "--yes")

    assert (code, function.held) == (1, (1, 1))
    assert "0 moved, 2 could not be" in out

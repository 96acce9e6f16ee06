"""A run over many sinks attempts each dead letter once, also while its cause still stands."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from ops.dlq import runner
from tests.unit.ops.conftest import EmptyDeployed
from tests.unit.ops.dead_letter_samples import AT, dead_lettered_by, sink
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
    assert "1 moved, 0 could not be" in out
    assert code in (0, 1)

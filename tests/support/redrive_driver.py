"""An operator who watches every dead-letter queue, removes faults, and redrives."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import NamedTuple

from emulator.polling import Wait
from ops.dlq.decode import DeadLetter, decode
from ops.dlq.executor import ActionExecutor
from ops.dlq.failure_sinks import FailureRoute, FailureSink, Mechanism
from ops.dlq.plan import route_of
from ops.dlq.readers import reader_for
from ops.dlq.redrive import Redrive, RedriveResult, Tally
from tests.support.faults import Client, Fault, FaultCatalog
from tests.support.waiting import TIMEOUT_SECONDS

NONSENSE = "nonsense"
"""The mark of messages that no consumer can read."""
MAX_THREADS = 8
TURN_SECONDS = 5 * TIMEOUT_SECONDS
PAUSE = 0.2


class FailurePath(NamedTuple):
    """One way in which work gets into a failure sink."""

    sink: str
    mechanism: Mechanism
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Does what a person on call does, in turns.

    An unreadable message is redriven, too; when it comes back, it is deleted.
    """

    client: Client
    sinks: list[FailureSink]
    faults: FaultCatalog
    mark_compensation_completed: str
    """Orders' function that marks a compensation as done."""
    wrong: dict[Fault, set[FailurePath]] = field(default_factory=dict)
    """The active faults, each with the paths that it opens."""
    seen: set[FailurePath] = field(default_factory=set)
    """The paths by which dead letters have come so far."""
    nonsense: dict[FailurePath, str] = field(default_factory=dict)
    """The id of the first unreadable message, by path."""

    @property
    def ways(self) -> set[FailurePath]:
        """All paths into all failure sinks."""
        return set().union(*map(self._ways, self.sinks))

    @contextmanager
    def all_faults_injected(self) -> Iterator[None]:
        """Inject all faults; each ends when dead letters have come by all of its paths."""
        try:
            for sink in self.sinks:
                for route in sink.routes:
                    for fault in self.faults.faults(route):
                        self._break(fault).add(fed(sink, route))
            yield
        finally:
            self._mend(list(self.wrong))

    def until(
        self, what: str, true: Callable[[], object], *, left: Callable[[], object] = lambda: None
    ) -> None:
        """Take turns until a condition is true; fail with what is left otherwise."""
        wait = Wait()
        while not true():
            assert wait.seconds() < TURN_SECONDS, (what, left(), sorted(self.ways - self.seen))
            self.turn()

    def turn(self) -> None:
        """Read the dead letters, remove the faults behind them, redrive what can succeed."""
        with ThreadPoolExecutor(MAX_THREADS) as pool:
            found = dict(chain.from_iterable(pool.map(self._look, self.sinks)))
            self.seen.update(found.values())
            self._mend([fault for fault, ways in self.wrong.items() if ways <= self.seen])
            broken = set().union(*self.wrong.values())
            # What came since then is for the next turn.
            meant = {id_ for id_, way in found.items() if way not in broken}
            held = [sink for sink in self.sinks if self._ways(sink) & set(found.values())]
            steps = list(chain.from_iterable(pool.map(partial(self._redrive, meant), held)))
        stayed = [(result.sink.name, result.error) for result in steps if not result.moved]
        # A saga dead-letters a compensation a moment before it ends its order.
        assert [(name, why) for name, why in stayed if "its saga works on it" not in why] == []
        if not meant:
            time.sleep(PAUSE)

    def _redrive(self, meant: set[str], sink: FailureSink) -> list[RedriveResult]:
        """Redrive these messages of a failure sink."""
        tally = Tally()
        redrive = Redrive(
            is_selected=lambda record: record.message.id in meant,
            execute=ActionExecutor(self.client, lambda: self.mark_compensation_completed).execute,
            throttle=lambda: None,
            progress=lambda _: None,
            # What fails again at once is no repetition of what was handed over.
            dead_lettered_before=datetime.now(UTC),
        )
        redrive.run(sink, reader_for(sink, self.client), tally)
        return tally.results

    def _look(self, sink: FailureSink) -> list[tuple[str, FailurePath]]:
        """Return the ids and paths of a failure sink's messages; delete the hopeless ones."""
        held = reader_for(sink, self.client)
        if not held.depth().total:
            return []
        with closing(held.lease_messages()) as messages:
            records = [decode(message, sink) for message in messages]
            found = [(self._way(sink, record), record) for record in records]
            for way, record in found:
                if self._is_past_help(way, record):
                    held.delete(record.message)
        return [(record.message.id, way) for way, record in found]

    def _ways(self, sink: FailureSink) -> set[FailurePath]:
        return {fed(sink, route) for route in sink.routes}

    def _way(self, sink: FailureSink, record: DeadLetter) -> FailurePath:
        route = route_of(record, sink)
        assert route is not None, record
        return fed(sink, route)

    def _is_past_help(self, way: FailurePath, record: DeadLetter) -> bool:
        """Return whether a message is unreadable and was redriven before."""
        if record.mechanism is not Mechanism.CONSUMER or not record.mentions(NONSENSE):
            return False
        first = self.nonsense.setdefault(way, record.message.id)
        if "event" in record.report:
            # Such a record has no room for its history.
            return record.message.id != first
        assert record.redrive_count == len(record.previous_errors), record
        return record.redrive_count > 0

    def _break(self, fault: Fault) -> set[FailurePath]:
        if fault not in self.wrong:
            fault.begin(self.client)
            self.wrong[fault] = set()
        return self.wrong[fault]

    def _mend(self, faults: list[Fault]) -> None:
        for fault in faults:
            fault.end(self.client)
            del self.wrong[fault]


def fed(sink: FailureSink, route: FailureRoute) -> FailurePath:
    """Return the path of a route into a failure sink."""
    return FailurePath(sink.name, route.mechanism, route.source.name)

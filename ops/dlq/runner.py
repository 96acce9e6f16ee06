"""Redrive many sinks in one run, and report the exact result of each dead letter.

A run attempts each dead letter once. One that fails again comes back as a new message, in the same
sink or in another. So a run ignores all that was dead-lettered after it began.
"""

import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from botocore.exceptions import ClientError

from ops.deployed import Deployed
from ops.dlq.discovery import find_failure_sinks
from ops.dlq.executor import ActionExecutor
from ops.dlq.failure_sinks import FailureSink, Mechanism
from ops.dlq.peek import measure_all
from ops.dlq.readers import Depth, SinkReader, reader_for
from ops.dlq.redrive import RateLimit, Redrive, Tally, concerns_one_sink
from ops.dlq.report import progress_bar, tally_as_json, tally_as_text
from ops.dlq.selection import Predicate, parse_selection, require_found
from ops.dlq.templates import Resource
from ops.output import print_json, print_text
from ops.terminal import Terminal

END_OF_TIME = datetime.max.replace(tzinfo=UTC)
CLOCK_RESOLUTION = timedelta(seconds=1)
"""The resolution at which SQS and S3 say what time it is, in the header ``Date``."""


@dataclass(slots=True, kw_only=True)
class RedriveRun:
    """A redrive of some sinks whose depths are known, but which have not been read yet."""

    sinks: Sequence[FailureSink]
    deployed: Deployed
    readers: Mapping[str, SinkReader]
    depths: Mapping[str, Depth]
    """Of the sinks that may be read. The tally has the others."""
    tally: Tally

    @property
    def total(self) -> int:
        """The approximate number of dead letters in the sinks."""
        return sum(depth.total for depth in self.depths.values())

    def run(
        self,
        *,
        is_selected: Predicate,
        per_second: float,
        execute: bool,
        progress: Callable[[Tally], None] = lambda _: None,
    ) -> None:
        """Redrive the selected dead letters, or only plan it, and count them in the tally."""
        executor = ActionExecutor(
            cache(self.deployed.client),
            lambda: self.deployed.outputs("Orders")["MarkCompensationCompletedFunction"],
        )
        redrive = Redrive(
            is_selected=is_selected,
            execute=executor.execute if execute else None,
            throttle=RateLimit(per_second).wait,
            progress=progress,
            dead_lettered_before=_begin(self.depths) if execute else END_OF_TIME,
        )
        self._run_where_filled(redrive, self.depths)
        moved = [result.sink for result in self.tally.results if result.moved]
        for sink in sinks_of_twins(moved, self.deployed):
            with self._naming_unreadable(sink):
                reader = reader_for(sink, self.deployed.client)
                if reader.depth().total:
                    redrive.delete_twins(sink, reader, self.tally)
        if execute and self.tally.moved:
            # What was moved may have failed again, into a sink that was empty when the run began.
            empty = {name for name, depth in self.depths.items() if not depth.total}
            again, unreadable = measure_all({name: self.readers[name] for name in empty})
            self.tally.unreadable |= unreadable
            self._run_where_filled(redrive, again)

    def _run_where_filled(self, redrive: Redrive, depths: Mapping[str, Depth]) -> None:
        for sink in self.sinks:
            if sink.name in depths and depths[sink.name].total:
                with self._naming_unreadable(sink):
                    redrive.run(sink, self.readers[sink.name], self.tally)

    @contextmanager
    def _naming_unreadable(self, sink: FailureSink) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            # If a message was moved but could not be deleted, the run must stop there.
            if self.tally.in_progress is not None or not concerns_one_sink(error):
                raise
            self.tally.unreadable[sink.name] = str(error)


def prepare_redrive(sinks: Sequence[FailureSink], deployed: Deployed) -> RedriveRun:
    """Measure the sinks' depths, and return a run that has not begun."""
    client = cache(deployed.client)
    readers = {sink.name: reader_for(sink, client) for sink in sinks}
    depths, unreadable = measure_all(readers)
    return RedriveRun(
        sinks=sinks,
        deployed=deployed,
        readers=readers,
        depths=depths,
        tally=Tally(unreadable=unreadable),
    )


def sinks_of_twins(sinks: Sequence[FailureSink], deployed: Deployed) -> Sequence[FailureSink]:
    """Return all sinks of the functions whose failed asynchronous invocations these sinks get."""
    if not (functions := _asynchronous(sinks)):
        return ()
    everywhere = find_failure_sinks(deployed.templates())
    return [sink for sink in everywhere if functions & _asynchronous([sink])]


def _asynchronous(sinks: Sequence[FailureSink]) -> set[Resource | None]:
    """Return the functions whose failed asynchronous invocations go to these sinks."""
    by_lambda = (Mechanism.DESTINATION, Mechanism.FUNCTION_DLQ)
    return {route.target for sink in sinks for each in by_lambda for route in sink.routes_by(each)}


def redrive_sinks(
    sinks: Sequence[FailureSink],
    arguments: Namespace,
    deployed: Deployed,
    terminal: Terminal,
    *,
    word: str,
) -> Tally:
    """Redrive the selected dead letters of these sinks, or only plan it; return the tally.

    ``word`` is the report's verb for a dead letter that was moved.
    """
    redrive = prepare_redrive(sinks, deployed)
    tally, total = redrive.tally, redrive.total

    def progress(tally: Tally) -> None:
        if not arguments.json:
            bar = progress_bar(len(tally.results), total)
            dry = "" if arguments.yes else ", dry run"
            terminal.say(f"{arguments.verb}{dry}: {bar}, {tally.failed} failed")

    is_selected = parse_selection(arguments)
    try:
        redrive.run(
            is_selected=is_selected,
            per_second=arguments.per_second,
            execute=arguments.yes,
            progress=progress,
        )
    except BaseException:
        tally.not_reached = max(total - tally.seen - (tally.in_progress is not None), 0)
        raise
    finally:
        terminal.end()
        if arguments.json:
            print_json(tally_as_json(tally))
        else:
            print_text(tally_as_text(tally, done=arguments.yes, word=word))
        sys.stdout.flush()
    found = [*tally.twins, *(result.dead_letter.message.id for result in tally.results)]
    require_found(arguments.id, found)
    return tally


def _begin(depths: Mapping[str, Depth]) -> datetime:
    """Return the time at which this run begins, by the services' clocks; wait until it has come."""
    if not any(depth.total for depth in depths.values()):
        return END_OF_TIME
    time.sleep(CLOCK_RESOLUTION / timedelta(seconds=1))
    return max(depth.measured_at for depth in depths.values()) + CLOCK_RESOLUTION

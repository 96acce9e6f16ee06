"""Redrive many sinks in one run, and report exactly what became of each dead letter.

A run attempts each dead letter once. What fails again comes back as a new message, in the same
sink or in another one. So a run leaves everything that was dead-lettered after it began.
"""

import sys
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache

from botocore.exceptions import ClientError

from ops.deployed import Deployed, OperationError
from ops.dlq.executor import ActionExecutor
from ops.dlq.failure_sinks import FailureSink
from ops.dlq.peek import MAX_WORKERS
from ops.dlq.readers import Depth, SinkReader, reader_for
from ops.dlq.redrive import ACCESS_DENIED_CODES, RateLimit, Redrive, Tally
from ops.dlq.report import progress_bar, tally_as_json, tally_as_text
from ops.dlq.selection import parse_selection, require_found
from ops.output import print_json, print_text
from ops.terminal import Terminal

CLOCK_RESOLUTION = timedelta(seconds=1)
"""The resolution at which SQS and S3 say what time it is, in the header ``Date``."""


def redrive_sinks(
    sinks: Sequence[FailureSink],
    arguments: Namespace,
    deployed: Deployed,
    terminal: Terminal,
    *,
    word: str,
) -> bool:
    """Redrive what is selected of these sinks; return whether all of it was, or would be, moved.

    ``word`` is what the report says of a dead letter that was moved.
    """
    if not arguments.per_second > 0:
        raise OperationError("--per-second wants a number above 0")
    client = cache(deployed.client)
    executor = ActionExecutor(
        client, lambda: deployed.outputs("Orders")["MarkCompensationCompletedFunction"]
    )
    readers = {sink.name: reader_for(sink, client) for sink in sinks}
    tally = Tally()
    depths = _measure(readers, tally)
    total = sum(depth.total for depth in depths.values())

    def progress(tally: Tally) -> None:
        if arguments.yes and not arguments.json:
            bar = progress_bar(len(tally.results), total)
            terminal.say(f"{arguments.verb}: {bar}, {tally.failed} failed")

    redrive = Redrive(
        is_selected=parse_selection(arguments),
        execute=executor.execute if arguments.yes else None,
        throttle=RateLimit(arguments.per_second).wait,
        progress=progress,
        dead_lettered_before=_begin(depths) if arguments.yes else datetime.max.replace(tzinfo=UTC),
    )
    try:
        for sink in sinks:
            if sink.name in depths and depths[sink.name].total:
                try:
                    redrive.run(sink, readers[sink.name], tally)
                except ClientError as error:
                    # A message that was moved and not deleted must be the last of this run.
                    if tally.in_progress is not None or not _is_denied(error):
                        raise
                    tally.access_denied[sink.name] = str(error)
    finally:
        terminal.end()
        if arguments.json:
            print_json(tally_as_json(tally))
        else:
            print_text(tally_as_text(tally, done=arguments.yes, word=word))
        sys.stdout.flush()
    require_found(arguments.id, [result.dead_letter.message.id for result in tally.results])
    return not (tally.failed or tally.not_received or tally.access_denied)


def _measure(readers: Mapping[str, SinkReader], tally: Tally) -> dict[str, Depth]:
    """Return the depth of each sink that may be read; the tally gets the others."""

    def measure(name: str) -> Depth | None:
        try:
            return readers[name].depth()
        except ClientError as error:
            if not _is_denied(error):
                raise
            tally.access_denied[name] = str(error)
            return None

    with ThreadPoolExecutor(MAX_WORKERS) as pool:
        measured = list(zip(readers, pool.map(measure, readers), strict=True))
    return {name: depth for name, depth in measured if depth is not None}


def _begin(depths: Mapping[str, Depth]) -> datetime:
    """Return when this run begins, and wait until it is that time by the services' clocks."""
    if not any(depth.total for depth in depths.values()):
        return datetime.max.replace(tzinfo=UTC)
    time.sleep(CLOCK_RESOLUTION / timedelta(seconds=1))
    return max(depth.measured_at for depth in depths.values()) + CLOCK_RESOLUTION


def _is_denied(error: ClientError) -> bool:
    code: str = error.response["Error"]["Code"]
    return code.startswith(ACCESS_DENIED_CODES)

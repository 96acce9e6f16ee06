"""Put back what is parked in a place, or, with --all, in every place.

Without --yes, nothing is done. Each record goes to whoever failed at it, a queue, function, state
machine, stream, log or topic; once it is there, it is deleted here. What is interrupted may be run
again: consumers bear getting something twice.

Ends with 0 when all that was meant was moved, or would be, with 1 when something could not, or
could not be seen. Where a right is missing, its place is left, and the others are gone through.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from functools import cache
from typing import Any

from botocore.exceptions import ClientError

from ops.commands import DONE, OPEN
from ops.commands.dlq_show import unseen, would
from ops.deployed import Deployed, OperationError
from ops.dlq.executor import ActionExecutor
from ops.dlq.failure_sinks import FailureSink
from ops.dlq.readers import reader_for
from ops.dlq.redrive import ACCESS_DENIED_CODES, RateLimit, Redrive, RedriveResult, Tally
from ops.dlq.selection import (
    add_selection_options,
    find_sink,
    parse_selection,
    require_found,
)
from ops.output import one_line, print_json, print_text
from ops.terminal import Terminal

PER_SECOND = 20.0
BAR = 30


def arguments(parser: ArgumentParser) -> None:
    """Declare what this verb takes."""
    parser.add_argument("queue", metavar="QUEUE", nargs="?", help="as dlq list names it, or a part")
    parser.add_argument("--all", action="store_true", help="every place")
    add_selection_options(parser)
    moving(parser)


def moving(parser: ArgumentParser) -> None:
    """Declare how things are moved."""
    parser.add_argument("--yes", action="store_true", help="do it")
    parser.add_argument(
        "--per-second",
        type=float,
        default=PER_SECOND,
        metavar="N",
        help="no more than so many a second (default: %(default)g)",
    )
    parser.add_argument("--json", action="store_true", help="for scripts")


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Redrive one place, or all."""
    if bool(arguments.queue) == arguments.all:
        raise OperationError("name a QUEUE, or say --all")
    sinks = deployed.templates().failure_sinks()
    meant = sinks if arguments.all else [find_sink(sinks, arguments.queue)]
    return move(meant, arguments, deployed, terminal, word="moved")


def move(
    sinks: Sequence[FailureSink],
    arguments: Namespace,
    deployed: Deployed,
    terminal: Terminal,
    *,
    word: str,
) -> int:
    """Move what is chosen of these places, and tell exactly, by that word, what became of it."""
    if arguments.per_second <= 0:
        raise OperationError("--per-second wants a number above 0")
    client = cache(deployed.client)
    mover = ActionExecutor(
        client, lambda: deployed.outputs("Orders")["MarkCompensationCompletedFunction"]
    )
    tally = Tally()
    total = 0

    def progress(tally: Tally) -> None:
        if arguments.yes and not arguments.json:
            terminal.say(
                f"{arguments.verb}: {bar(len(tally.results), total)}, {tally.failed} failed"
            )

    redrive = Redrive(
        is_selected=parse_selection(arguments),
        execute=mover.execute if arguments.yes else None,
        throttle=RateLimit(arguments.per_second).wait,
        progress=progress,
    )
    try:
        for sink in sinks:
            try:
                reader = reader_for(sink, client)
                visible = reader.depth().total
                total += visible
                if visible:
                    redrive.run(sink, reader, tally)
            except ClientError as error:
                forbidden = error.response["Error"]["Code"].startswith(ACCESS_DENIED_CODES)
                # What was put and could not be deleted is not to be one of many.
                if tally.in_progress is not None or not forbidden:
                    raise
                tally.access_denied[sink.name] = str(error)
    finally:
        terminal.end()
        told = as_json(tally) if arguments.json else as_text(tally, done=arguments.yes, word=word)
        print_json(told) if isinstance(told, dict) else print_text(told)
        sys.stdout.flush()
    require_found(arguments.id, [result.dead_letter.message.id for result in tally.results])
    return OPEN if tally.failed or tally.not_received or tally.access_denied else DONE


def bar(done: int, of: int) -> str:
    """How far it is; of how many is what SQS roughly tells."""
    of = max(done, of)
    full = BAR * done // of if of else 0
    return f"[{'#' * full}{'.' * (BAR - full)}] {done} of {of}"


def as_text(tally: Tally, *, done: bool, word: str = "moved") -> str:
    """What was done, or would be: a line for each that could not be moved, or for all."""
    lines = [
        f"{result.sink.name}  {result.dead_letter.message.id}\n  {one_line(_said(result, word))}"
        for result in tally.results
        if not (done and result.moved)
    ]
    if tally.in_progress is not None:
        lines.append(f"{tally.in_progress.message.id} was being {word}: it may be done twice")
    lines += [
        f"{name}  not gone through: {one_line(why)}" for name, why in tally.access_denied.items()
    ]
    if tally.not_received:
        lines.append(unseen(tally.not_received))
    counts = f"{tally.failed} could not be, {tally.skipped} were left"
    if done:
        return "\n".join([*lines, f"{tally.moved} {word}, {counts}"])
    return "\n".join([*lines, f"{tally.moved} would be {word}, {counts}; to do it, add --yes"])


def _said(result: RedriveResult, word: str) -> str:
    """Why a dead letter was not moved, or what would be done with it."""
    if result.error:
        return f"not {word}: {result.error}"
    return would(result.dead_letter, result.sink)


def as_json(tally: Tally) -> dict[str, Any]:
    """What was done, or would be, for scripts."""
    return {
        "moved": tally.moved,
        "failed": tally.failed,
        "skipped": tally.skipped,
        "not_received": tally.not_received,
        "access_denied": tally.access_denied,
        "in_progress": tally.in_progress and tally.in_progress.message.id,
        "records": [
            {
                "queue": result.sink.name,
                "id": result.dead_letter.message.id,
                "moved": result.moved,
                "action": result.action and str(result.action),
                "error": result.error,
            }
            for result in tally.results
        ],
    }

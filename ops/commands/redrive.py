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

from ops.choosing import choice, choosing, find
from ops.commands import DONE, OPEN
from ops.commands.show import unseen, would
from ops.deployed import Deployed, OperationError
from ops.holding import holder
from ops.moving import Mover
from ops.places import Place
from ops.redrive import FORBIDDEN, Pace, Redrive, Tally
from ops.tables import line, show, show_json
from ops.terminal import Terminal

PER_SECOND = 20.0
BAR = 30


def arguments(parser: ArgumentParser) -> None:
    """Declare what this verb takes."""
    parser.add_argument("place", metavar="PLACE", nargs="?", help="as queues names it, or a part")
    parser.add_argument("--all", action="store_true", help="every place")
    choosing(parser)
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
    if bool(arguments.place) == arguments.all:
        raise OperationError("name a PLACE, or say --all")
    places = deployed.templates().places()
    meant = places if arguments.all else [find(places, arguments.place)]
    return move(meant, arguments, deployed, terminal, word="moved")


def move(
    places: Sequence[Place],
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
    mover = Mover(client, lambda: deployed.outputs("Orders")["MarkCompensationCompletedFunction"])
    tally = Tally()
    total = 0

    def progress(tally: Tally) -> None:
        if arguments.yes and not arguments.json:
            terminal.say(f"{arguments.verb}: {bar(len(tally.steps), total)}, {tally.failed} failed")

    redrive = Redrive(
        chosen=choice(arguments),
        move=mover.do if arguments.yes else None,
        pace=Pace(arguments.per_second).keep,
        progress=progress,
    )
    try:
        for place in places:
            try:
                held = holder(place, client)
                there = held.depth().all
                total += there
                if there:
                    redrive.run(place, held, tally)
            except ClientError as error:
                forbidden = error.response["Error"]["Code"].startswith(FORBIDDEN)
                # What was put and could not be deleted is not to be one of many.
                if tally.in_hand is not None or not forbidden:
                    raise
                tally.shut[place.name] = str(error)
    finally:
        terminal.end()
        told = as_json(tally) if arguments.json else as_text(tally, done=arguments.yes, word=word)
        show_json(told) if isinstance(told, dict) else show(told)
        sys.stdout.flush()
    return OPEN if tally.failed or tally.unseen or tally.shut else DONE


def bar(done: int, of: int) -> str:
    """How far it is; of how many is what SQS roughly tells."""
    of = max(done, of)
    full = BAR * done // of if of else 0
    return f"[{'#' * full}{'.' * (BAR - full)}] {done} of {of}"


def as_text(tally: Tally, *, done: bool, word: str = "moved") -> str:
    """What was done, or would be: a line for each that could not be moved, or for all."""
    lines = [
        f"{step.place.name}  {step.record.message.id}\n"
        f"  {line((step.why and f'not {word}: {step.why}') or would(step.record, step.place))}"
        for step in tally.steps
        if not (done and step.moved)
    ]
    if tally.in_hand is not None:
        lines.append(f"{tally.in_hand.message.id} was being {word}: it may be done twice")
    lines += [f"{name}  not gone through: {line(why)}" for name, why in tally.shut.items()]
    if tally.unseen:
        lines.append(unseen(tally.unseen))
    counts = f"{tally.failed} could not be, {tally.left} were left"
    if done:
        return "\n".join([*lines, f"{tally.moved} {word}, {counts}"])
    return "\n".join([*lines, f"{tally.moved} would be {word}, {counts}; to do it, add --yes"])


def as_json(tally: Tally) -> dict[str, Any]:
    """What was done, or would be, for scripts."""
    return {
        "moved": tally.moved,
        "failed": tally.failed,
        "left": tally.left,
        "unseen": tally.unseen,
        "shut": tally.shut,
        "in_hand": tally.in_hand and tally.in_hand.message.id,
        "records": [
            {
                "place": step.place.name,
                "id": step.record.message.id,
                "moved": step.moved,
                "action": step.action and str(step.action),
                "why": step.why,
            }
            for step in tally.steps
        ],
    }

"""Show what is parked in a place: the event, where it failed, why, how often, and since when.

Looking takes nothing away. Others do not see the messages while it lasts.

Ends with 0 when nothing is parked there, with 1 when something is.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from ops.commands import DONE, OPEN
from ops.deployed import Deployed
from ops.dlq.decode import DeadLetter, decode
from ops.dlq.failure_sinks import FailureSink
from ops.dlq.plan import NotRedrivableError, plan_redrive
from ops.dlq.readers import reader_for
from ops.dlq.selection import (
    add_selection_options,
    find_sink,
    parse_selection,
    require_found,
)
from ops.output import format_age, one_line, print_json, print_text
from ops.terminal import Terminal


def arguments(parser: ArgumentParser) -> None:
    """Declare what this verb takes."""
    parser.add_argument("queue", metavar="QUEUE", help="as dlq list names it, or a part of it")
    add_selection_options(parser)
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="for scripts, whole")
    shape.add_argument("--raw", action="store_true", help="the messages as they are")


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Look at each message once, and give all of them back."""
    sink = find_sink(deployed.templates().failure_sinks(), arguments.queue)
    reader = reader_for(sink, deployed.client)
    is_selected = parse_selection(arguments)
    with closing(reader.lease_messages()) as messages:
        dead_letters = [decode(message, sink) for message in messages]
    require_found(arguments.id, [dead_letter.message.id for dead_letter in dead_letters])
    shown = [dead_letter for dead_letter in dead_letters if is_selected(dead_letter)]
    hidden = max(reader.depth().total - len(dead_letters), 0)
    if arguments.raw:
        for dead_letter in shown:
            print_text(dead_letter.message.body)
    elif arguments.json:
        print_json([as_json(dead_letter, sink) for dead_letter in shown])
    else:
        print_text(as_text(shown, sink, hidden=hidden, now=datetime.now(UTC)))
    return OPEN if dead_letters or hidden else DONE


def as_text(
    dead_letters: Sequence[DeadLetter], sink: FailureSink, *, hidden: int, now: datetime
) -> str:
    """A few lines for each record; ``hidden`` are those that cannot be seen now."""
    lines = [f"{sink.name}: {len(dead_letters)} shown"]
    for dead_letter in dead_letters:
        facts = (
            f"parked {format_age(dead_letter.message.sent_at, now)} ago",
            f"tried {times(dead_letter.attempts)}" if dead_letter.attempts else "",
            f"first {dead_letter.event_time}" if dead_letter.event_time else "",
            f"put back {times(dead_letter.redrive_count)} before"
            if dead_letter.redrive_count
            else "",
            f"group {dead_letter.message.group_id}" if dead_letter.message.group_id else "",
        )
        lines += ["", dead_letter.message.id]
        parts = [("when", ", ".join(filter(None, facts)))]
        parts += [
            ("what", dead_letter.mechanism or "nobody can tell"),
            ("where", named(dead_letter.failed_at, sink)),
        ]
        parts += [
            ("why", dead_letter.error),
            *(("before", reason) for reason in dead_letter.previous_errors),
        ]
        parts += [
            ("event", one_line(essence(dead_letter.event))),
            ("redrive", would(dead_letter, sink)),
        ]
        lines += [f"  {name:<7}  {one_line(text)}" for name, text in parts if text]
    if hidden:
        lines += ["", unseen(hidden)]
    return "\n".join(lines)


def as_json(dead_letter: DeadLetter, sink: FailureSink) -> dict[str, Any]:
    """A record, whole, for scripts."""
    return {
        "queue": sink.name,
        "id": dead_letter.message.id,
        "mechanism": dead_letter.mechanism,
        "event": dead_letter.event,
        "failed_at": dead_letter.failed_at,
        "error": dead_letter.error,
        "attempts": dead_letter.attempts,
        "event_time": dead_letter.event_time,
        "sent_at": dead_letter.message.sent_at.isoformat(),
        "redrive_count": dead_letter.redrive_count,
        "previous_errors": list(dead_letter.previous_errors),
        "redrive": would(dead_letter, sink),
        "group_id": dead_letter.message.group_id,
        "body": dead_letter.message.body,
        "attributes": dict(dead_letter.message.attributes),
    }


def unseen(number: int) -> str:
    """That there are so many more, and why nobody can see them now."""
    return f"{number} more are held by others, or wait behind ten of their group"


def times(number: int) -> str:
    """How often, in words."""
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def named(arn: str, sink: FailureSink) -> str:
    """What failed, as an operator knows it, or its ARN if it is no longer what is deployed."""
    ends = (end for route in sink.routes for end in (route.target, route.source) if end is not None)
    return next((end.name for end in ends if end.matches_arn(arn)), arn)


def essence(event: Any) -> Any:
    """What an event says, without what is said of it."""
    match event:
        case {"detail-type": str(kind), "detail": {"data": data}}:
            return f"{kind} {one_line(data)}"
        case {"detail_type": str(kind), "data": data}:
            return f"{kind} {one_line(data)}"
    return event


def would(dead_letter: DeadLetter, sink: FailureSink) -> str:
    """What a redrive would do with it."""
    try:
        return f"would {plan_redrive(dead_letter, sink)}"
    except NotRedrivableError as reason:
        return f"cannot: {reason}"

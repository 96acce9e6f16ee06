"""Show the dead letters of a queue: the event, where and why it failed, how often, since when.

Nothing is deleted. While this command reads, other consumers do not see the messages.

Ends with 0 when the queue is empty, and with 1 when it is not.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.contracts.times import format_time
from ops.commands import DONE, NEEDS_ATTENTION
from ops.commands.options import add_json_option
from ops.deployed import Deployed, OperationError
from ops.dlq.decode import DeadLetter
from ops.dlq.discovery import find_failure_sinks
from ops.dlq.failure_sinks import FailureSink
from ops.dlq.json_text import parse_json
from ops.dlq.peek import lease_dead_letters
from ops.dlq.readers import reader_for
from ops.dlq.report import describe_plan, not_received
from ops.dlq.selection import (
    add_selection_options,
    find_sink,
    parse_selection,
    require_found,
)
from ops.output import (
    MAX_LENGTH,
    MAX_REASON,
    format_age,
    one_line,
    print_json,
    print_raw,
    print_text,
    printable,
)
from ops.terminal import Terminal

LOG_BEFORE = timedelta(hours=1)
"""How long before it was dead-lettered the log of its function is of interest."""


def arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("queue", metavar="QUEUE", help="a name from dlq list, or part of one")
    add_selection_options(parser)
    add_json_option(parser)
    parser.add_argument("--raw", action="store_true", help="print the message bodies as they are")


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Receive each message once, return all of them, and print those selected."""
    if arguments.json and arguments.raw:
        raise OperationError("--json and --raw exclude each other")
    sink = find_sink(find_failure_sinks(deployed.templates()), arguments.queue)
    reader = reader_for(sink, deployed.client)
    is_selected = parse_selection(arguments)
    dead_letters = lease_dead_letters(sink, reader)
    require_found(arguments.id, [dead_letter.message.id for dead_letter in dead_letters])
    shown = [dead_letter for dead_letter in dead_letters if is_selected(dead_letter)]
    hidden = max(reader.depth().total - len(dead_letters), 0)
    if arguments.raw:
        for dead_letter in shown:
            print_raw(dead_letter.message.body)
    elif arguments.json:
        print_json([as_json(dead_letter, sink) for dead_letter in shown])
    else:
        print_text(as_text(shown, sink, hidden=hidden, now=datetime.now(UTC)))
    return NEEDS_ATTENTION if dead_letters or hidden else DONE


def as_text(
    dead_letters: Sequence[DeadLetter], sink: FailureSink, *, hidden: int, now: datetime
) -> str:
    """Return a paragraph for each dead letter; ``hidden`` is the number of those not received."""
    lines = [f"{sink.name}: {len(dead_letters)} shown"]
    for dead_letter in dead_letters:
        lines += ["", *describe(dead_letter, sink, now=now)]
    if hidden:
        lines += ["", not_received(hidden)]
    return "\n".join(lines)


def describe(dead_letter: DeadLetter, sink: FailureSink, *, now: datetime) -> list[str]:
    """Return some lines that describe a dead letter, its id first."""
    message, count = dead_letter.message, dead_letter.redrive_count
    history = (
        f"dead-lettered {format_age(message.sent_at, now)} ago",
        f"tried {times(dead_letter.attempts)}" if dead_letter.attempts else "",
        f"first {dead_letter.event_time}" if dead_letter.event_time else "",
        f"redriven {times(count)} before" if count else "",
        f"group {message.group_id}" if message.group_id else "",
    )
    parts = (
        ("when", ", ".join(filter(None, history))),
        ("what", dead_letter.mechanism or "unknown"),
        ("where", failed_resource(dead_letter.failed_at, sink)),
        ("why", dead_letter.error),
        *(("before", reason) for reason in dead_letter.previous_errors),
        ("event", summary(dead_letter.event)),
        ("redrive", describe_plan(dead_letter, sink)),
    )
    cut = {"why": MAX_REASON, "before": MAX_REASON}
    lines = [
        f"  {name:<7}  {one_line(text, max_length=cut.get(name, MAX_LENGTH))}"
        for name, text in parts
        if text
    ]
    if group := log_group(dead_letter, sink):
        since = int((message.sent_at - LOG_BEFORE).timestamp() * 1000)
        command = f"aws logs filter-log-events --log-group-name {group} --start-time {since}"
        lines.append(f"  {'log':<7}  {command}")
    return [printable(message.id), *lines]


def as_json(dead_letter: DeadLetter, sink: FailureSink) -> dict[str, Any]:
    """Return a dead letter, whole, for scripts."""
    return {
        "queue": sink.name,
        "id": dead_letter.message.id,
        "mechanism": dead_letter.mechanism,
        "event": dead_letter.event,
        "failed_at": dead_letter.failed_at,
        "error": dead_letter.error,
        "attempts": dead_letter.attempts,
        "event_time": dead_letter.event_time,
        "sent_at": format_time(dead_letter.message.sent_at),
        "redrive_count": dead_letter.redrive_count,
        "previous_errors": list(dead_letter.previous_errors),
        "redrive": describe_plan(dead_letter, sink),
        "log_group": log_group(dead_letter, sink),
        "group_id": dead_letter.message.group_id,
        "body": dead_letter.message.body,
        "attributes": dict(dead_letter.message.attributes),
    }


def log_group(dead_letter: DeadLetter, sink: FailureSink) -> str:
    """Return the name of the log group of the function that failed; empty if it is unknown."""
    logs = {end: end.log_group for end in sink.ends if end.log_group}
    failed = [group for end, group in logs.items() if end.matches_arn(dead_letter.failed_at)]
    found = failed or list(logs.values())
    return found[0] if len(found) == 1 else ""


def times(number: int) -> str:
    """Return a number of times in words."""
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def failed_resource(arn: str, sink: FailureSink) -> str:
    """Return the name of the resource with that ARN, or the ARN if it is no longer deployed."""
    return next((end.name for end in sink.ends if end.matches_arn(arn)), arn)


def summary(event: Any) -> str:
    """Return an event in one line: its type and its data, without its metadata."""
    match event:
        case {"detail-type": str(kind), "detail": {"data": data}}:
            return f"{kind} {one_line(data)}"
        case {"detail_type": str(kind), "data": data}:
            return f"{kind} {one_line(data)}"
        case {"detail-type": str(kind), "detail": detail}:
            return f"{kind} {one_line(detail)}"
        case {"requestContext": {"condition": str()}, "requestPayload": asked}:
            return f"outcome of {summary(asked)}"
        case {"Records": [{"Sns": {"Message": str(message)}}]} if isinstance(
            published := parse_json(message), dict
        ):
            return summary(published)
    return one_line(event)

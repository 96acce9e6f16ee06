"""List every queue and bucket that holds failed work: how much, and since when.

They are found in the deployed templates. In DEPTH, +n are messages that are leased at the moment.
OLDEST begins with "over" where not all were read. SOURCE is what sends dead letters there. TARGET
is where a redrive puts them back. What stands in two queues, as an event and as the record of its
failure, is one dead letter; in JSON, "twins" says how many of a queue an earlier one has, too.

Ends with 0 when all of them are empty, with 1 when one is not, and with 2 when one could not be
read: it is named, and the others are shown all the same.
"""

from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from lambdas.contracts.times import format_time
from ops.commands import DONE, FAILED, NEEDS_ATTENTION
from ops.commands.options import add_json_option
from ops.deployed import Deployed
from ops.dlq.discovery import find_failure_sinks
from ops.dlq.failure_sinks import FailureRoute, Mechanism
from ops.dlq.peek import SinkContents, pair_twins, peek_all
from ops.output import (
    MAX_REASON,
    format_age,
    format_summary,
    one_line,
    print_json,
    print_lines,
    print_text,
)
from ops.terminal import Terminal

MAX_MESSAGES_READ = 500
"""How many messages of a sink are read to find the oldest. SQS has no API that returns it."""
SOURCES = {
    Mechanism.REDRIVE_POLICY: "queue {source}",
    Mechanism.SUBSCRIPTION: "SNS, for {target}",
    Mechanism.RULE: "rule {source}",
    Mechanism.SCHEDULE: "schedule {source}",
    Mechanism.DESTINATION: "{target}, failing",
    Mechanism.FUNCTION_DLQ: "{target}, failing",
    Mechanism.STREAM_MAPPING: "stream of {target}",
    Mechanism.CONSUMER: "{source} itself",
    Mechanism.SAGA: "saga {source}",
}
"""The column SOURCE for each mechanism."""


def arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--non-empty", action="store_true", help="only those that hold something")
    add_json_option(parser)


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Look into all failure sinks, a few at a time."""
    sinks = find_failure_sinks(deployed.templates())
    found, unreadable = peek_all(sinks, deployed.client, limit=MAX_MESSAGES_READ)
    shown = [each for each in found if each.depth.total or not arguments.non_empty]
    if arguments.json:
        others = [{"queue": name, "unreadable": why} for name, why in unreadable.items()]
        print_json([*as_json(shown), *others])
    else:
        for name, why in unreadable.items():
            print_lines([f"{name} cannot be read: {one_line(why, max_length=MAX_REASON)}"])
        print_text(as_table(shown, datetime.now(UTC), of=len(found)))
    if unreadable:
        return FAILED
    return NEEDS_ATTENTION if any(each.depth.total for each in found) else DONE


def as_table(found: Sequence[SinkContents], now: datetime, *, of: int) -> str:
    """Return a table with a row for each sink, and one more for each further route into it."""
    rows: list[Sequence[str]] = []
    for each in found:
        in_flight = f"+{each.depth.in_flight}" if each.depth.in_flight else ""
        since = oldest(each)
        first, *others = [(source_of(route), target_of(route)) for route in each.sink.routes] or [
            ("", "")
        ]
        age = format_age(since, now) if since else ""
        if age and not each.is_complete:
            # One that was not read may be older.
            age = f"over {age}"
        rows.append([each.sink.name, f"{each.depth.visible}{in_flight}", age, *first])
        rows += [["", "", "", *other] for other in others]
    depths = [each.depth.total for each in found if each.depth.total]
    twins = sum(each.twin_sink is not None for each in pair_twins(found))
    number = sum(depths) - twins
    letters = "1 dead letter" if number == 1 else f"{number} dead letters"
    both = f", {twins} in two of them" if twins else ""
    return format_summary(
        ("QUEUE", "DEPTH", "OLDEST", "SOURCE", "TARGET"),
        rows,
        f"{letters} in {len(depths)} of {of} queues{both}",
    )


def as_json(found: Sequence[SinkContents]) -> list[dict[str, Any]]:
    """Return sinks for scripts."""
    twins = Counter(each.twin_sink.name for each in pair_twins(found) if each.twin_sink)
    return [{**_as_json(each), "twins": twins[each.sink.name]} for each in found]


def _as_json(found: SinkContents) -> dict[str, Any]:
    resource, since = found.sink.resource, oldest(found)
    return {
        "queue": found.sink.name,
        "stack": resource.stack,
        "resource": resource.physical,
        "depth": {"visible": found.depth.visible, "in_flight": found.depth.in_flight},
        "oldest": format_time(since) if since else None,
        "routes": [
            {
                "mechanism": route.mechanism,
                "source": route.source.name,
                "target": route.target and route.target.name,
            }
            for route in found.sink.routes
        ],
    }


def oldest(found: SinkContents) -> datetime | None:
    """Return when the oldest dead letter was sent, of those that were seen."""
    return min((each.message.sent_at for each in found.dead_letters), default=None)


def source_of(route: FailureRoute) -> str:
    """Return what sends dead letters by this route."""
    return SOURCES[route.mechanism].format(
        source=_short(route.source.name), target=_short(str(route.target))
    )


def target_of(route: FailureRoute) -> str:
    """Return where a redrive puts dead letters that came by this route."""
    return route.target.name if route.target else "repair"


def _short(name: str) -> str:
    return name.rpartition("/")[2]

"""List every place in which failed work is parked, how much is there and since when.

The places are found in the deployed templates. In DEPTH, +n are those that somebody looks at just
now. SOURCE is who sends dead letters there; a redrive puts them back to TARGET.

Ends with 0 when nothing is parked anywhere, with 1 when something is.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from ops.commands import DONE, OPEN
from ops.deployed import Deployed
from ops.dlq.failure_sinks import FailureRoute, FailureSink, Mechanism
from ops.dlq.readers import Depth, SinkReader, reader_for
from ops.output import format_age, format_table, print_json, print_text
from ops.terminal import Terminal

MAX_WORKERS = 8
MOST = 500
"""Among so many messages of a place the oldest is looked for: SQS tells nobody of it."""
WORDS = {
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
"""Who parks, in a few words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A place and what is in it."""

    sink: FailureSink
    depth: Depth
    oldest: datetime | None


def arguments(parser: ArgumentParser) -> None:
    """Declare what this verb takes."""
    parser.add_argument("--non-empty", action="store_true", help="only queues that hold something")
    parser.add_argument("--json", action="store_true", help="for scripts")


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Look into all places at once, a few at a time."""
    clients = {name: deployed.client(name) for name in ("sqs", "s3")}
    sinks = deployed.templates().failure_sinks()
    with ThreadPoolExecutor(MAX_WORKERS) as pool:
        found = list(
            pool.map(lambda sink: look(sink, reader_for(sink, clients.__getitem__)), sinks)
        )
    shown = [each for each in found if each.depth.total or not arguments.non_empty]
    if arguments.json:
        print_json([as_json(each) for each in shown])
    else:
        print_text(as_table(shown, datetime.now(UTC), of=len(found)))
    return OPEN if any(each.depth.total for each in found) else DONE


def look(sink: FailureSink, reader: SinkReader) -> Found:
    """How much is in a place, and, if there is something, since when the oldest of it."""
    depth = reader.depth()
    oldest = None
    if depth.visible:
        with closing(reader.lease_messages()) as messages:
            oldest = min((message.sent_at for message in islice(messages, MOST)), default=None)
    return Found(sink=sink, depth=depth, oldest=oldest)


def as_table(found: Sequence[Found], now: datetime, *, of: int) -> str:
    """A line for each place, of so many, and one more for each further feed."""
    rows: list[Sequence[str]] = []
    for each in found:
        depth = f"{each.depth.visible}" + (
            f"+{each.depth.in_flight}" if each.depth.in_flight else ""
        )
        oldest = format_age(each.oldest, now) if each.oldest else ""
        first, *others = [(source_of(route), target_of(route)) for route in each.sink.routes] or [
            ("", "")
        ]
        rows.append([each.sink.name, depth, oldest, *first])
        rows += [["", "", "", *other] for other in others]
    parked = [each for each in found if each.depth.total]
    messages = sum(each.depth.total for each in parked)
    summary = f"{messages} dead letters in {len(parked)} of {of} queues"
    return f"{format_table(('QUEUE', 'DEPTH', 'OLDEST', 'SOURCE', 'TARGET'), rows)}\n\n{summary}"


def as_json(found: Found) -> dict[str, Any]:
    """A place, for scripts: ages are times."""
    resource = found.sink.resource
    return {
        "queue": found.sink.name,
        "stack": resource.stack,
        "resource": resource.physical,
        "depth": {"visible": found.depth.visible, "in_flight": found.depth.in_flight},
        "oldest": found.oldest.isoformat() if found.oldest else None,
        "routes": [
            {
                "mechanism": route.mechanism,
                "source": route.source.name,
                "to": route.target and route.target.name,
            }
            for route in found.sink.routes
        ],
    }


def source_of(route: FailureRoute) -> str:
    """Who parks here."""
    return WORDS[route.mechanism].format(
        source=_short(route.source.name), target=_short(str(route.target))
    )


def target_of(route: FailureRoute) -> str:
    """Where a redrive puts it."""
    return route.target.name if route.target else "repair"


def _short(name: str) -> str:
    return name.rpartition("/")[2]

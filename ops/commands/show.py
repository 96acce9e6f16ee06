"""Show what is parked in a place: the event, where it failed, why, how often, and since when.

Looking takes nothing away. Others do not see the messages while it lasts.

Ends with 0 when nothing is parked there, with 1 when something is.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from ops.choosing import choice, choosing, find
from ops.commands import DONE, OPEN
from ops.deployed import Deployed
from ops.holding import holder
from ops.places import Place
from ops.records import Record, decode
from ops.redriving import CannotBeMovedError, plan
from ops.tables import age, line, show, show_json
from ops.terminal import Terminal


def arguments(parser: ArgumentParser) -> None:
    """Declare what this verb takes."""
    parser.add_argument("place", metavar="PLACE", help="as queues names it, or a part of it")
    choosing(parser)
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="for scripts, whole")
    shape.add_argument("--raw", action="store_true", help="the messages as they are")


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Look at each message once, and give all of them back."""
    place = find(deployed.templates().places(), arguments.place)
    held = holder(place, deployed.client)
    chosen = choice(arguments)
    with closing(held.taking()) as messages:
        records = [decode(message, place) for message in messages]
    shown = [record for record in records if chosen(record)]
    hidden = max(held.depth().all - len(records), 0)
    if arguments.raw:
        for record in shown:
            show(record.message.body)
    elif arguments.json:
        show_json([as_json(record, place) for record in shown])
    else:
        show(as_text(shown, place, hidden=hidden, now=datetime.now(UTC)))
    return OPEN if records or hidden else DONE


def as_text(records: Sequence[Record], place: Place, *, hidden: int, now: datetime) -> str:
    """A few lines for each record; ``hidden`` are those that cannot be seen now."""
    lines = [f"{place.name}: {len(records)} shown"]
    for record in records:
        facts = (
            f"parked {age(record.message.since, now)} ago",
            f"tried {times(record.times)}" if record.times else "",
            f"first {record.first}" if record.first else "",
            f"put back {times(record.redriven)} before" if record.redriven else "",
            f"group {record.message.group}" if record.message.group else "",
        )
        lines += ["", record.message.id]
        parts = [("when", ", ".join(filter(None, facts)))]
        parts += [("what", record.how or "nobody can tell"), ("where", named(record.where, place))]
        parts += [("why", record.why), *(("before", reason) for reason in record.earlier)]
        parts += [("event", line(essence(record.event))), ("redrive", would(record, place))]
        lines += [f"  {name:<7}  {line(text)}" for name, text in parts if text]
    if hidden:
        lines += ["", unseen(hidden)]
    return "\n".join(lines)


def as_json(record: Record, place: Place) -> dict[str, Any]:
    """A record, whole, for scripts."""
    return {
        "place": place.name,
        "id": record.message.id,
        "how": record.how,
        "event": record.event,
        "where": record.where,
        "why": record.why,
        "times": record.times,
        "first": record.first,
        "since": record.message.since.isoformat(),
        "redriven": record.redriven,
        "earlier": list(record.earlier),
        "redrive": would(record, place),
        "group": record.message.group,
        "body": record.message.body,
        "attributes": dict(record.message.attributes),
    }


def unseen(number: int) -> str:
    """That there are so many more, and why nobody can see them now."""
    return f"{number} more are held by others, or wait behind ten of their group"


def times(number: int) -> str:
    """How often, in words."""
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def named(arn: str, place: Place) -> str:
    """What failed, as an operator knows it, or its ARN if it is no longer what is deployed."""
    ends = (end for feed in place.feeds for end in (feed.to, feed.source) if end is not None)
    return next((end.name for end in ends if end.known_as(arn)), arn)


def essence(event: Any) -> Any:
    """What an event says, without what is said of it."""
    match event:
        case {"detail-type": str(kind), "detail": {"data": data}}:
            return f"{kind} {line(data)}"
        case {"detail_type": str(kind), "data": data}:
            return f"{kind} {line(data)}"
    return event


def would(record: Record, place: Place) -> str:
    """What a redrive would do with it."""
    try:
        return f"would {plan(record, place)}"
    except CannotBeMovedError as reason:
        return f"cannot: {reason}"

"""List every place in which failed work is parked, how much is there and since when.

The places are found in the deployed templates. In DEPTH, +n are those that somebody looks at just
now. FED BY is who parks there; a redrive puts it BACK TO those who failed.

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
from ops.holding import Depth, Holder, holder
from ops.places import Feed, How, Place
from ops.tables import age, show, show_json, table
from ops.terminal import Terminal

AT_ONCE = 8
MOST = 500
"""Among so many messages of a place the oldest is looked for: SQS tells nobody of it."""
WORDS = {
    How.QUEUE: "queue {source}",
    How.SUBSCRIPTION: "SNS, for {to}",
    How.RULE: "rule {source}",
    How.SCHEDULE: "schedule {source}",
    How.DESTINATION: "{to}, failing",
    How.DEAD_LETTERS: "{to}, failing",
    How.MAPPING: "stream of {to}",
    How.ITSELF: "{source} itself",
    How.SAGA: "saga {source}",
}
"""Who parks, in a few words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A place and what is in it."""

    place: Place
    depth: Depth
    oldest: datetime | None


def arguments(parser: ArgumentParser) -> None:
    """Declare what this verb takes."""
    parser.add_argument("--parked", action="store_true", help="only places that hold something")
    parser.add_argument("--json", action="store_true", help="for scripts")


def run(arguments: Namespace, deployed: Deployed, terminal: Terminal) -> int:
    """Look into all places at once, a few at a time."""
    clients = {name: deployed.client(name) for name in ("sqs", "s3")}
    places = deployed.templates().places()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(
            pool.map(lambda place: look(place, holder(place, clients.__getitem__)), places)
        )
    shown = [each for each in found if each.depth.all or not arguments.parked]
    if arguments.json:
        show_json([as_json(each) for each in shown])
    else:
        show(as_table(shown, datetime.now(UTC), of=len(found)))
    return OPEN if any(each.depth.all for each in found) else DONE


def look(place: Place, holder: Holder) -> Found:
    """How much is in a place, and, if there is something, since when the oldest of it."""
    depth = holder.depth()
    oldest = None
    if depth.there:
        with closing(holder.taking()) as messages:
            oldest = min((message.since for message in islice(messages, MOST)), default=None)
    return Found(place=place, depth=depth, oldest=oldest)


def as_table(found: Sequence[Found], now: datetime, *, of: int) -> str:
    """A line for each place, of so many, and one more for each further feed."""
    rows: list[Sequence[str]] = []
    for each in found:
        depth = f"{each.depth.there}" + (f"+{each.depth.held}" if each.depth.held else "")
        oldest = age(each.oldest, now) if each.oldest else ""
        first, *others = [(fed_by(feed), back_to(feed)) for feed in each.place.feeds] or [("", "")]
        rows.append([each.place.name, depth, oldest, *first])
        rows += [["", "", "", *other] for other in others]
    parked = [each for each in found if each.depth.all]
    messages = sum(each.depth.all for each in parked)
    summary = f"{messages} parked in {len(parked)} of {of} places"
    return f"{table(('PLACE', 'DEPTH', 'OLDEST', 'FED BY', 'BACK TO'), rows)}\n\n{summary}"


def as_json(found: Found) -> dict[str, Any]:
    """A place, for scripts: ages are times."""
    resource = found.place.resource
    return {
        "place": found.place.name,
        "stack": resource.stack,
        "resource": resource.physical,
        "depth": {"there": found.depth.there, "held": found.depth.held},
        "oldest": found.oldest.isoformat() if found.oldest else None,
        "feeds": [
            {"how": feed.how, "source": feed.source.name, "to": feed.to and feed.to.name}
            for feed in found.place.feeds
        ],
    }


def fed_by(feed: Feed) -> str:
    """Who parks here."""
    return WORDS[feed.how].format(source=_short(feed.source.name), to=_short(str(feed.to)))


def back_to(feed: Feed) -> str:
    """Where a redrive puts it."""
    return feed.to.name if feed.to else "repair"


def _short(name: str) -> str:
    return name.rpartition("/")[2]

"""The page about the order stream and the views that are made from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ops.console.order_stream import consumers, decisions, describe, stream_of
from ops.console.page import console_of, page
from ops.console.readable import Reader
from ops.console.service_map import owner
from ops.console.wiring import Wiring
from ops.deployed import Deployed
from ops.views.registry import VIEWS

REBUILD = "rebuild-"
"""Begins the name of a rebuild's replay."""
STOREFRONT = "Storefront"
BEGINNING_OF_TIME = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownView:
    """A view, and its live table."""

    name: str
    """The name in `python -m ops view rebuild NAME`."""
    table: str
    slot: str
    """Which of its two tables is live: 0 or 1."""
    items: int
    """How many items its table has, as DynamoDB last counted: up to six hours ago in an account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A replay for a rebuild, and which part of the archive it has replayed."""

    name: str
    state: str
    began: datetime | None
    done: float
    """From 0 to 1."""


def show_views(request: Request) -> Response:
    """Show the stream, its consumers, the scaler's decisions, the views and their rebuilds."""
    deployed, reader, now = console_of(request).deployed, Reader(), datetime.now(UTC)
    wiring = Wiring(deployed.templates())
    stream = stream_of(wiring)
    counts = console_of(request).counts.now()
    context = {
        "stream": stream,
        "summary": reader.read(lambda: describe(deployed, stream)) or (),
        "consumers": reader.read(lambda: consumers(deployed, wiring, now)) or (),
        "decisions": reader.read(lambda: decisions(deployed, now)) or (),
        "views": reader.read(lambda: [find_view(deployed, name) for name in VIEWS]) or (),
        "replays": reader.read(lambda: list(find_replays(deployed))) or (),
        "sinks": [
            (sink.name, counts.get(sink.name, 0))
            for sink in wiring.sinks
            if owner(sink.resource) == STOREFRONT.lower()
        ],
        "counts": counts,
        "denied": reader.denied,
    }
    return page(request, "views.html", context)


def find_view(deployed: Deployed, name: str) -> ShownView:
    """Return a view that can be rebuilt."""
    view, outputs = VIEWS[name], deployed.outputs(STOREFRONT)
    table = outputs[f"{view.name}Table"]
    return ShownView(
        name=name,
        table=table,
        slot=deployed.parameters(STOREFRONT)[f"{view.name}Slot"],
        items=deployed.client("dynamodb").describe_table(TableName=table)["Table"]["ItemCount"],
    )


def find_replays(deployed: Deployed) -> Sequence[Replay]:
    """Return the rebuilds' replays that EventBridge still knows, the newest first.

    It forgets them after 90 days.
    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListReplays.html
    """
    found = deployed.client("events").list_replays(NamePrefix=REBUILD)["Replays"]
    return [_replay(each) for each in sorted(found, key=_began, reverse=True)]


def _replay(found: Mapping[str, Any]) -> Replay:
    begin, end = found.get("EventStartTime"), found.get("EventEndTime")
    reached, done = found.get("EventLastReplayedTime"), 0.0
    # EventBridge need not say any of them, and the local cloud does not.
    if begin and end and reached:
        whole = (end - begin).total_seconds()
        done = (reached - begin).total_seconds() / whole if whole else 1.0
    is_over = found["State"] == "COMPLETED"
    return Replay(
        name=found["ReplayName"],
        state=found["State"],
        began=found.get("ReplayStartTime", begin),
        done=1.0 if is_over else min(max(done, 0.0), 1.0),
    )


def _began(found: Mapping[str, Any]) -> datetime:
    return found.get("ReplayStartTime") or BEGINNING_OF_TIME


ROUTES = [Route("/views", show_views)]

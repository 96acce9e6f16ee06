"""Pages of the map: all services, one service, and one resource."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from ops.console.code_places import code_place
from ops.console.live_counts import Counts, events
from ops.console.overview import overview
from ops.console.page import NO_ANSWER, console_of, page
from ops.console.service_map import owner, service_map
from ops.console.wiring import KINDS, Wiring
from ops.deployed import OperationError
from ops.output import printable

PROBLEM = "problem"
"""The key of why there are no counts; empty while there are."""


def show_map(request: Request) -> Response:
    """Show all services with their numbers of messages in flight and dead-lettered."""
    wiring = _wiring(request)
    return page(request, "map.html", {"map": overview(wiring), "counts": _counts(request)})


def show_service(request: Request) -> Response:
    """Show the resources of a service and how its template connects them."""
    wiring, service = _wiring(request), request.path_params["service"]
    things = [each for each in wiring.things if owner(each) == service]
    if not things:
        raise HTTPException(404, "there is no such service")
    context = {
        "service": service,
        "map": service_map(wiring, service),
        "things": [(each, KINDS[each.kind], code_place(each)) for each in things],
        "sinks": [sink for sink in wiring.sinks if owner(sink.resource) == service],
        "counts": _counts(request),
    }
    return page(request, "service.html", context)


def show_thing(request: Request) -> Response:
    """Show a resource: its template's properties, its code, its connections."""
    wiring = _wiring(request)
    wanted = request.path_params["service"], request.path_params["id"]
    thing = next((each for each in wiring.things if (owner(each), each.id) == wanted), None)
    if thing is None:
        raise HTTPException(404, "there is no such thing")
    context = {
        "thing": thing,
        "kind": KINDS[thing.kind],
        "service": owner(thing),
        "code": code_place(thing),
        "sources": [wire for wire in wiring.wires if wire.target == thing],
        "targets": [wire for wire in wiring.wires if wire.source == thing],
        "sinks": wiring.sinks_of(thing),
        "counts": _counts(request),
        "owner": owner,
    }
    return page(request, "thing.html", context)


async def live(request: Request) -> Response:
    """Push counts for as long as the page is open."""
    counts = console_of(request).counts

    async def now() -> Mapping[str, object]:
        return {**await asyncio.to_thread(counts.now), PROBLEM: ""}

    async def pause() -> None:
        await asyncio.sleep(counts.seconds)

    return StreamingResponse(_said(events(now, pause)), media_type="text/event-stream")


async def _said(counts: AsyncIterator[str]) -> AsyncIterator[str]:
    """Yield the events; if AWS does not answer, one that says so. The page then connects again."""
    try:
        async for each in counts:
            yield each
    except (OperationError, *NO_ANSWER) as error:
        yield f"data: {json.dumps({PROBLEM: f'These counts are old: {printable(str(error))}'})}\n\n"


def _wiring(request: Request) -> Wiring:
    return Wiring(console_of(request).deployed.templates())


def _counts(request: Request) -> Counts:
    return console_of(request).counts.now()


ROUTES = [
    Route("/map", show_map),
    Route("/map/{service}", show_service),
    Route("/map/{service}/{id}", show_thing),
    Route("/live", live),
]

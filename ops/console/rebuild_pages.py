"""The page of a view's rebuild: a dry run with its progress, and the switch that follows it."""

import asyncio
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from ops.console.guard import form_of
from ops.console.live_counts import events
from ops.console.page import console_of, page
from ops.console.rebuilds import Run
from ops.console.views import find_view
from ops.deployed import OperationError
from ops.views.registry import VIEWS

SECONDS = 0.5
"""How often an open page gets what a rebuild has said."""
OVER = "over"
"""What the page gets at the end: it then loads itself again."""


def show_rebuild(request: Request) -> Response:
    """Show what a rebuild would do, does, or did, and what may be done next."""
    name, console = _name(request), console_of(request)
    last, run = console.rebuilds.last, _run(request)
    context = {
        "view": find_view(console.deployed, name),
        "run": run,
        # A copy: the rebuild goes on while the page is rendered.
        "lines": dict(run.lines) if run else {},
        "other": last.view if last and last is not run and not last.is_over else "",
    }
    return page(request, "rebuild.html", context)


def start(request: Request) -> Response:
    """Begin a dry run, or what was confirmed after one."""
    console, name, how = console_of(request), _name(request), form_of(request).get("how", [""])[0]
    if not console.may_write:
        raise OperationError("this console only reads: start it with --write to rebuild a view")
    console.rebuilds.start(name, switch=how in ("switch", "despite"), despite=how == "despite")
    return RedirectResponse(f"/views/{name}", 303)


def stop(request: Request) -> Response:
    """Let the rebuild end early."""
    if _run(request) is not None:
        console_of(request).rebuilds.stop()
    return RedirectResponse(f"/views/{_name(request)}", 303)


async def progress(request: Request) -> Response:
    """Push the rebuild's lines for as long as the page is open."""
    run = _run(request)
    if run is None:
        raise HTTPException(404, "no rebuild of it was started")

    async def now() -> Mapping[str, str]:
        return {**run.lines, **({OVER: OVER} if run.is_over else {})}

    async def pause() -> None:
        await asyncio.sleep(SECONDS)

    return StreamingResponse(events(now, pause), media_type="text/event-stream")


def _name(request: Request) -> str:
    name: str = request.path_params["view"]
    if name not in VIEWS:
        raise HTTPException(404, "there is no such view")
    return name


def _run(request: Request) -> Run | None:
    last = console_of(request).rebuilds.last
    return last if last is not None and last.view == _name(request) else None


ROUTES = [
    Route("/views/{view}", show_rebuild),
    Route("/views/{view}/rebuild", start, methods=["POST"]),
    Route("/views/{view}/stop", stop, methods=["POST"]),
    Route("/views/{view}/progress", progress),
]

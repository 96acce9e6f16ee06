"""The console's web application and its routes."""

import sys
import traceback
from pathlib import Path

from botocore.exceptions import ClientError
from jinja2 import TemplateError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from ops.console import alarms, costs, dead_letters, map, orders, play, rebuild_pages, views
from ops.console.guard import Guard
from ops.console.page import NO_ANSWER, Console, page
from ops.deployed import OperationError
from ops.output import printable, with_notes

UNFORESEEN = (
    *(LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError),
    TemplateError,
)
"""What an error of the console itself is. Starlette would answer it past the guard's headers."""
STATIC = Path(__file__).with_name("static")


def create_app(console: Console, *, port: int) -> Starlette:
    """Return the application, for a server that listens on this port of the loopback interface."""
    app = Starlette(
        routes=[
            Route("/", lambda request: RedirectResponse("/map", 303)),
            *dead_letters.ROUTES,
            *orders.ROUTES,
            *map.ROUTES,
            *views.ROUTES,
            *rebuild_pages.ROUTES,
            *alarms.ROUTES,
            *costs.ROUTES,
            *play.ROUTES,
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Guard, port=port, secrets=console.secrets)],
        exception_handlers={
            OperationError: _refused,
            **dict.fromkeys(NO_ANSWER, _failed),
            HTTPException: _not_found,
            **dict.fromkeys(UNFORESEEN, _unforeseen),
        },
    )
    app.state.console = console
    return app


def _refused(request: Request, error: Exception) -> Response:
    """Return the page for an error, with the same message as the command."""
    return page(request, "error.html", {"title": "This cannot be done", "why": error}, status=409)


def _failed(request: Request, error: Exception) -> Response:
    title = "AWS refused it" if isinstance(error, ClientError) else "There was no answer"
    context = {"title": title, "why": with_notes(str(error), error)}
    return page(request, "error.html", context, status=502)


def _unforeseen(request: Request, error: Exception) -> Response:
    """Return the page for an error of the console itself; its error output has the traceback."""
    sys.stderr.write(printable("".join(traceback.format_exception(error)), keep="\n"))
    why = f"{type(error).__name__}: {error}. The console's error output says where"
    return page(request, "error.html", {"title": "This page failed", "why": why}, status=500)


def _not_found(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    why = f"{request.url.path}: {getattr(error, 'detail', error)}"
    return page(
        request, "error.html", {"title": "There is no such page", "why": why}, status=status
    )

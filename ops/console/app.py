"""The console's web application and its routes."""

from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from ops.console import alarms, costs, dead_letters, map, orders, play, rebuild_pages, views
from ops.console.guard import Guard
from ops.console.page import Console, page
from ops.deployed import OperationError

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
            ClientError: _failed,
            BotoCoreError: _failed,
            HTTPException: _not_found,
        },
    )
    app.state.console = console
    return app


def _refused(request: Request, error: Exception) -> Response:
    """Return the page for an error, with the same message as the command."""
    return page(request, "error.html", {"title": "This cannot be done", "why": error}, status=409)


def _failed(request: Request, error: Exception) -> Response:
    return page(request, "error.html", {"title": "AWS refused it", "why": error}, status=502)


def _not_found(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    why = f"{request.url.path}: {getattr(error, 'detail', error)}"
    return page(
        request, "error.html", {"title": "There is no such page", "why": why}, status=status
    )

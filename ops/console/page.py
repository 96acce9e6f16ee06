"""Rendering of pages, and the format of texts, times and amounts in them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from ops.commands.dlq_show import times
from ops.console.guard import Secrets
from ops.console.live_counts import LiveCounts
from ops.console.rebuilds import Rebuilds
from ops.console.remembered import RememberedDeployed
from ops.console.saga_picture import in_words
from ops.console.wiring import KINDS
from ops.orders.trace import format_amount
from ops.output import format_age, one_line, printable
from stacks.names import service_of

NO_ANSWER = (ClientError, BotoCoreError, ResponseParserError, OSError)
"""The errors with which AWS refuses a request, or does not answer it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """The data that every page needs."""

    deployed: RememberedDeployed
    may_write: bool
    """Whether dead letters may be moved and deleted, and views rebuilt, from here."""
    is_local: bool
    """Whether it runs against a local cloud."""
    counts: LiveCounts
    rebuilds: Rebuilds
    secrets: Secrets = field(default_factory=Secrets)

    @property
    def place(self) -> str:
        """The environment's name, and where it runs."""
        where = "this machine" if self.is_local else self.deployed.session.region_name
        return f"{self.deployed.environment} · {where}"


def console_of(request: Request) -> Console:
    """Return the console that serves a request."""
    return cast(Console, request.app.state.console)


def page(
    request: Request, template: str, context: Mapping[str, Any], *, status: int = 200
) -> HTMLResponse:
    """Render a page from a template."""
    console = console_of(request)
    common = {
        "console": console,
        "csrf": console.secrets.csrf,
        "path": request.url.path,
        "now": datetime.now(UTC),
    }
    return HTMLResponse(PAGES.get_template(template).render({**common, **context}), status)


def _finalize(value: Any) -> Any:
    """Escape the control and invisible characters of a value. Jinja itself escapes markup."""
    return value if isinstance(value, Markup) else printable(str(value), keep="\n\t")


def _time(value: str | datetime) -> datetime:
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return at.astimezone(UTC)


def _clock(value: str | datetime) -> str:
    at = _time(value)
    return f"{at:%H:%M:%S}.{at.microsecond // 1000:03}"


def _path(value: str) -> Markup:
    """Return a file's path as markup that may wrap after a folder and after a word."""
    parts = [escape(printable(part)) for part in re.split("(?<=[/_])", value)]
    return Markup("<code>{}</code>").format(Markup("<wbr>").join(parts))


def _pretty(value: Any) -> str:
    try:
        return json.dumps(value, indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return str(value)[:100_000]


PAGES = Environment(
    loader=PackageLoader("ops.console"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_finalize,
    trim_blocks=True,
    lstrip_blocks=True,
)
PAGES.filters |= {
    "age": lambda since, now: format_age(_time(since), now),
    "clock": _clock,
    "day": lambda value: f"{_time(value):%Y-%m-%d}",
    "amount": format_amount,
    "order_total": lambda order: format_amount(
        {"amount": order["total"], "currency": order["currency"]}
    ),
    "pretty": _pretty,
    "one_line": one_line,
    "path": _path,
    "times": times,
    "kind": KINDS.__getitem__,
    "service": lambda thing: service_of(thing.stack),
    "usd": lambda value: f"{value:,.6f}",
    "count": lambda value: f"{value:,.0f}" if value >= 100 else f"{value:,.4g}",
    "words": lambda name: " ".join(in_words(name)),
}

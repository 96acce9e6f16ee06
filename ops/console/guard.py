"""Access to the console: only for the person who started it, and only from its own pages.

The console has the operator's rights, so every other page that a browser shows, and every other
user of the machine, is an attacker. The printed address has a key, which is exchanged for a cookie.
A page whose host name was made to resolve to this machine (DNS rebinding) is refused by its
``Host``; a form on another page by its ``Origin`` and its missing token; and the content security
policy stops scripts in texts that are shown. A browser sends a cookie to all ports of a host, so
another user's server may get it: where the system says whose a connection is, other users' are
refused.
https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
"""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ops.console.peers import user_of_peer

MAX_FORM_BYTES = 1_000_000
ENTRANCE, TOKEN_FIELD = "/enter", "csrf"
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # With no-referrer, a browser would send a form of our own page with the origin "null".
    # https://fetch.spec.whatwg.org/#append-a-request-origin-header
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of every response. They forbid scripts and styles inside a page."""
NOT_STORED: Mapping[str, str] = {"Cache-Control": "no-store"}
"""Headers of responses that have no Cache-Control of their own."""


def _secret() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets of one run."""

    key: str = field(default_factory=_secret, repr=False)
    """In the printed address."""
    session: str = field(default_factory=_secret, repr=False)
    """In the cookie."""
    csrf: str = field(default_factory=_secret, repr=False)
    """In every form."""


class Guard:
    """Refuses requests that do not come from the console's own pages, and adds security headers."""

    def __init__(self, app: ASGIApp, *, port: int, secrets: Secrets) -> None:
        self._app = app
        self._port = port
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._cookie = f"orders-console-{port}"
        self._secrets = secrets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                named = {name.lower() for name, _ in message["headers"]}
                added = HEADERS if b"cache-control" in named else {**HEADERS, **NOT_STORED}
                message["headers"] += [(k.lower().encode(), v.encode()) for k, v in added.items()]
            await send(message)

        request = Request(scope, receive)
        answer = self._answer(request) or await self._form_refusal(request)
        await (answer or self._app)(scope, receive, send_with_headers)

    def _answer(self, request: Request) -> Response | None:
        """Check the request's user, host and cookie. Return None if they are right, or a response.

        A request with the key gets the cookie; any other is refused.
        """
        # Root may read the console's memory as well, and what root relays may be its own user's.
        known = user_of_peer(request.client, self._port) if request.client else None
        if known not in (None, 0, os.getuid()):
            return PlainTextResponse("the console answers the user who started it only", 403)
        if request.headers.get("host") not in self._hosts:
            return PlainTextResponse("the console answers at its own address only", 421)
        if request.url.path == ENTRANCE and request.method == "GET":
            if not _equal(request.query_params.get("key"), self._secrets.key):
                return PlainTextResponse("this key is of another run: see the terminal", 403)
            inside = RedirectResponse("/", 303)
            inside.set_cookie(
                self._cookie, self._secrets.session, httponly=True, samesite="strict", path="/"
            )
            return inside
        if not _equal(request.cookies.get(self._cookie), self._secrets.session):
            return PlainTextResponse("open the address that the terminal shows", 401)
        return None

    async def _form_refusal(self, request: Request) -> Response | None:
        """Read and check the form of a request that changes something; return any refusal."""
        if request.method in ("GET", "HEAD"):
            return None
        own = {f"http://{host}" for host in self._hosts}
        site = request.headers.get("sec-fetch-site", "same-origin")
        if request.headers.get("origin") not in own or site != "same-origin":
            return PlainTextResponse("forms are taken from the console's own pages only", 403)
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_FORM_BYTES:
                return PlainTextResponse("the form is too long", 413)
        fields = parse_qsl(body.decode(errors="replace"), keep_blank_values=True)
        if not _equal(dict(fields).get(TOKEN_FIELD), self._secrets.csrf):
            return PlainTextResponse("the form is of another run: load the page again", 403)
        request.scope["form"] = fields
        return None


def form_of(request: Request) -> dict[str, list[str]]:
    """Return the fields of a form that the guard has accepted."""
    form: dict[str, list[str]] = {}
    for name, value in request.scope.get("form", ()):
        form.setdefault(name, []).append(value)
    return form


def _equal(given: str | None, secret: str) -> bool:
    return secrets.compare_digest((given or "").encode(), secret.encode())

"""The gate in front of MiniStack: it refuses requests of other users and of web pages.

Every user of the machine can reach the port, and so can every page in the developer's browser.
Requests to AWS's API are signed, and checked by MiniStack and `emulator.patches.root_user`. The
gate guards what is not signed: MiniStack's own pages, and the instances' metadata service.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from hmac import compare_digest
from typing import Any

KEY_HEADER = "x-orders-key"
"""The header that requests without a signature need; its value is the root user's key."""

GUARDED = ("/_ministack/", "/_localstack/", "/latest/")
OPEN = (
    "/_ministack/health",
    # Both paths end in a token of their own, as AWS's presigned URLs do.
    "/_ministack/cfn-response/",
    "/_ministack/cfn-signal/",
    # On AWS, these have presigned URLs.
    "/_ministack/lambda-code/",
    "/_ministack/lambda-layers/",
)

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Any]


def gated(app: App, *, port: int, key: str) -> App:
    """Return the application behind the gate.

    A request is refused if its Host header names another host: a web page can have its own name
    resolve to this address (DNS rebinding). A request for a guarded path is refused without
    ``key``.
    """
    hosts = {f"{host}:{port}" for host in ("127.0.0.1", "localhost")}

    async def gate(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and (refusal := _refusal(scope, hosts, key)):
            await _refuse(send, *refusal)
            return
        await app(scope, receive, send)

    return gate


def _refusal(scope: Scope, hosts: set[str], key: str) -> tuple[int, str] | None:
    headers = {name.decode("latin-1").lower(): value for name, value in scope["headers"]}
    if headers.get("host", b"").decode("latin-1").lower() not in hosts:
        return 421, "This is a local cloud: ask for it as 127.0.0.1 or localhost, with its port."
    path = scope["path"].lower()
    guarded = path.startswith(GUARDED) and not path.startswith(OPEN)
    if guarded and not compare_digest(headers.get(KEY_HEADER, b""), key.encode()):
        return 403, f"This needs the header {KEY_HEADER} with the run's access key."
    return None


async def _refuse(send: Any, status: int, message: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": message.encode()})

"""What was used of the local cloud since it started, counted.

Each use of a permission is a use, and so is what `emulator.patches.usage` counts.
"""

import json
import threading
from collections import defaultdict
from typing import Any

from emulator.gateway import App, Scope

USAGE_PATH = "/_ministack/usage"
"""Where the counts are read, as JSON. The gate guards this path."""

Use = tuple[str, str, str, str]
"""What was used, by whom, on which resource, and the ARN for which a service acted, if any."""

_used: defaultdict[Use, float] = defaultdict(float)
_counting = threading.Lock()


def count(what: str, *, by: str = "", on: str = "", source: str = "", number: float = 1) -> None:
    """Add to the count of a use."""
    with _counting:
        _used[what, by, on, source] += number


def used() -> dict[Use, float]:
    """Return all counts."""
    with _counting:
        return dict(_used)


def counted(app: App) -> App:
    """Return the application, which answers ``USAGE_PATH`` with the counts."""

    async def answered(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != USAGE_PATH:
            await app(scope, receive, send)
            return
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": _answer()})

    return answered


def _answer() -> bytes:
    return json.dumps({"uses": [[*use, number] for use, number in used().items()]}).encode()

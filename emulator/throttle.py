"""The throttle of an HTTP API's stage.

AWS: each request takes a token; a bucket of the burst limit's size is filled at the rate limit. A
request that finds none is answered with 429, before it is authorized or reaches its function.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html
MiniStack 1.5.33: stores both limits, and lets every request through.
Can go: when MiniStack acts upon `DefaultRouteSettings`.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ministack.services import apigateway

from emulator.gateway import App, Scope

EXECUTE = "/_aws/execute-api/"
_REFUSAL = json.dumps({"message": "Too Many Requests"}).encode()


@dataclass(slots=True)
class Bucket:
    """The tokens of one stage."""

    clock: Callable[[], float] = time.monotonic
    _tokens: float = field(default=float("inf"), init=False)
    _filled_at: float = field(default=0.0, init=False)

    def take(self, rate: float, burst: float) -> bool:
        """Take a token; return whether there was one. A new bucket is full."""
        now = self.clock()
        self._tokens = min(burst, self._tokens + rate * (now - self._filled_at))
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def throttled(app: App) -> App:
    """Return the application, which refuses what exceeds the limits of a stage's default route."""
    buckets: dict[str, Bucket] = {}

    async def limited(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith(EXECUTE):
            api = scope["path"].removeprefix(EXECUTE).partition("/")[0]
            limits = _limits(api)
            if limits and not buckets.setdefault(api, Bucket()).take(*limits):
                await _refuse(receive, send)
                return
        await app(scope, receive, send)

    return limited


def _limits(api: str) -> tuple[float, float] | None:
    """Return the rate and burst of an API's stage; None if it has no throttle."""
    for stage in apigateway.stages_for_api(api).values():
        settings = stage["defaultRouteSettings"]
        if {"throttlingRateLimit", "throttlingBurstLimit"} <= settings.keys():
            return settings["throttlingRateLimit"], settings["throttlingBurstLimit"]
    return None


async def _refuse(receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_REFUSAL))]
    await send({"type": "http.response.start", "status": 429, "headers": headers})
    await send({"type": "http.response.body", "body": _REFUSAL})

"""Faults of requests, at the entry of the server.

Requests of functions, workers and customers of an HTTP API may fail; those of the account's root
user, who deploys and verifies, do not. Error codes and their forms are AWS's:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html
"""

import asyncio
import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from emulator.faults.chance import FAULTS, Faults, Kind
from emulator.gateway import App, Scope
from emulator.timer import unfinished

CONTROL_PATH = "/_ministack/faults"
"""Where faults are switched on and off, and unfinished deliveries counted. The gate guards it."""
HTTP_API = "execute-api"

_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/aws4_request")
_UNANSWERED = 12.0
"""Seconds for which a request without an answer stays open: longer than the time-outs of boto3's
clients here."""
_LATE = (2.5, 4.0)
"""Seconds after which a late request takes effect. Its client has given up after two."""
_SLOW = (0.05, 1.5)
_STALL = (1.0, 3.0)

# For each service the throttle and the server's error: code and status.
_ERRORS: Mapping[str, tuple[tuple[str, int], tuple[str, int]]] = {
    "dynamodb": (("ProvisionedThroughputExceededException", 400), ("InternalServerError", 500)),
    "events": (("ThrottlingException", 400), ("InternalException", 500)),
    "kinesis": (("ProvisionedThroughputExceededException", 400), ("InternalFailure", 500)),
    "lambda": (("TooManyRequestsException", 429), ("ServiceException", 500)),
    "s3": (("SlowDown", 503), ("InternalError", 500)),
    "ses": (("TooManyRequestsException", 429), ("InternalFailure", 500)),
    "sns": (("Throttling", 400), ("InternalError", 500)),
    "sqs": (("RequestThrottled", 400), ("InternalFailure", 500)),
    HTTP_API: (("TooManyRequests", 429), ("ServiceUnavailable", 503)),
}
_ANSWERED = (
    Kind.THROTTLE, Kind.SERVER_ERROR, Kind.SERVER_ERROR_AFTER, Kind.RESET, Kind.RESET_AFTER,
    Kind.LATENCY, Kind.STALL,
)  # fmt: skip
_KINDS = (*_ANSWERED, Kind.LOST, Kind.LATE)


@dataclass(frozen=True, slots=True)
class _Request:
    """What a request wants, as far as faults need to know."""

    service: str
    operation: str

    @property
    def label(self) -> str:
        return f"{self.service} {self.operation}"

    @property
    def kinds(self) -> Iterable[Kind]:
        """The faults that it may have. A customer waits for an answer for long; AWS never does."""
        return _ANSWERED if self.service == HTTP_API else _KINDS


def faulty(app: App, *, key: str, faults: Faults = FAULTS) -> App:
    """Return the application with faults, except for requests with the root user's ``key``.

    ``CONTROL_PATH`` switches them on and off.
    """

    async def faulted(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
        elif scope["path"] == CONTROL_PATH:
            await _control(scope, receive, send, faults)
        elif (request := _request(scope, key)) and (
            kind := faults.choose(request.label, request.kinds)
        ):
            await _Fault(app, scope, send, await _body(receive), request, faults).happen(kind)
        else:
            await app(scope, receive, send)

    return faulted


@dataclass(frozen=True, slots=True)
class _Fault:
    app: App
    scope: Scope
    send: Any
    body: bytes
    request: _Request
    faults: Faults

    async def happen(self, kind: Kind) -> None:
        match kind:
            case Kind.THROTTLE | Kind.SERVER_ERROR:
                await self._refuse(throttled=kind is Kind.THROTTLE)
            case Kind.SERVER_ERROR_AFTER:
                await self._execute(_ignore)
                await self._refuse(throttled=False)
            case Kind.RESET:
                _reset(self.send)
            case Kind.RESET_AFTER:
                await self._execute(_ignore)
                _reset(self.send)
            case Kind.LOST:
                await self._execute(_ignore)
                await asyncio.sleep(_UNANSWERED)
                _reset(self.send)
            case Kind.LATE:
                await asyncio.sleep(self._between(_LATE))
                await self._execute(_ignore)
                _reset(self.send)
            case Kind.LATENCY:
                await asyncio.sleep(self._between(_SLOW))
                await self._execute(self.send)
            case Kind.STALL:
                # The server has one thread for all requests and the database's connections.
                time.sleep(self._between(_STALL))
                await self._execute(self.send)

    def _between(self, bounds: tuple[float, float]) -> float:
        return self.faults.between(f"{self.request.label}, seconds", *bounds)

    async def _execute(self, send: Any) -> None:
        waiting = [{"type": "http.request", "body": self.body, "more_body": False}]

        async def receive() -> Any:
            if waiting:
                return waiting.pop()
            # Its client may have gone; the request is executed all the same.
            return await asyncio.Event().wait()

        await self.app(self.scope, receive, send)

    async def _refuse(self, *, throttled: bool) -> None:
        errors = _ERRORS.get(self.request.service)
        if errors is None:
            _reset(self.send)
            return
        code, status = errors[0 if throttled else 1]
        await _answer(self.send, status, *_error(self.request.service, code))


def _request(scope: Scope, key: str) -> _Request | None:
    """Return what a request wants; None if it is the root user's, or of no interest."""
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    if scope["path"].startswith(f"/_aws/{HTTP_API}/"):
        return _Request(HTTP_API, scope["method"])
    signed = _CREDENTIAL.search(headers.get(b"authorization", ""))
    if signed is None or signed[1] == key:
        return None
    return _Request(signed[2], headers.get(b"x-amz-target") or str(scope["method"]))


def _error(service: str, code: str) -> tuple[bytes, dict[str, str]]:
    """Return an error's body and headers, in the form of the service's protocol."""
    if service in ("s3", "sns"):
        error = f"<Error><Code>{code}</Code><Message>injected fault</Message></Error>"
        text = error if service == "s3" else f"<ErrorResponse>{error}</ErrorResponse>"
        return text.encode(), {"content-type": "text/xml"}
    body = {"__type": code, "message": "injected fault"}
    return json.dumps(body).encode(), {"content-type": "application/json"}


async def _control(scope: Scope, receive: Any, send: Any, faults: Faults) -> None:
    """PUT with a seed and rates begins, DELETE ends and answers with the counts.

    GET answers with the number of unfinished deliveries.
    """
    answer: dict[Kind, int] | int = {}
    match scope["method"]:
        case "PUT":
            wanted = json.loads(await _body(receive))
            rates = {Kind(name): rate for name, rate in wanted["rates"].items()}
            faults.begin(wanted["seed"], rates)
        case "DELETE":
            answer = faults.end()
        case _:
            answer = unfinished()
    await _answer(send, 200, json.dumps(answer).encode(), {"content-type": "application/json"})


async def _body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _answer(send: Any, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    whole = {**headers, "content-length": str(len(body))}
    encoded = [(name.encode(), value.encode()) for name, value in whole.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


async def _ignore(_message: Any) -> None:
    """Take a part of an answer that nobody gets."""


def _reset(send: Any) -> None:
    """Break the connection: ASGI has no word for it, so this takes uvicorn's own."""
    send.__self__.transport.abort()

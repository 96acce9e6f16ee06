"""MiniStack in the tests' own process, called by boto3's clients without a socket.

With a process of its own, half of the tests' time is that of sockets.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.httpsession import URLLib3Session
from ministack.app import app
from ministack.services import dynamodb
from urllib3 import HTTPResponse

HOST = "ministack.invalid"
ENDPOINT = f"http://{HOST}"
_EMIT_STREAM_EVENT = dynamodb._emit_stream_event


@contextmanager
def serving() -> Iterator[str]:
    """Answer boto3's requests to an endpoint, which is returned, for as long as the context lasts.

    There is nothing in it at first. One request is answered at a time, as by MiniStack's loop.
    """
    loop, turn = asyncio.new_event_loop(), threading.Lock()
    send = URLLib3Session.send

    def sent(session: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
        if urlsplit(request.url).hostname != HOST:
            return send(session, request)
        with turn:
            return loop.run_until_complete(_answer(request))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(URLLib3Session, "send", sent)
        # The simulation replaces it by its own.
        patch.setattr(dynamodb, "_emit_stream_event", _EMIT_STREAM_EVENT)
        sent(URLLib3Session(), _request("POST", "/_ministack/reset"))
        yield ENDPOINT
    loop.close()


def _request(method: str, path: str) -> AWSPreparedRequest:
    headers: Any = {}
    return AWSPreparedRequest(method, f"{ENDPOINT}{path}", headers, b"", False)


async def _answer(request: AWSPreparedRequest) -> AWSResponse:
    sent: list[Any] = []
    waiting = [{"type": "http.request", "body": _body(request), "more_body": False}]

    async def receive() -> Any:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(_scope(request), receive, send)
    start, *parts = sent
    body = b"".join(each.get("body", b"") for each in parts)
    headers: Any = {name.decode(): value.decode() for name, value in start["headers"]}
    raw = HTTPResponse(BytesIO(body), headers, start["status"], preload_content=False)
    return AWSResponse(request.url, start["status"], headers, raw)


def _body(request: AWSPreparedRequest) -> bytes:
    body: Any = request.body or b""
    if isinstance(body, str):
        return body.encode()
    return bytes(body if isinstance(body, bytes | bytearray) else body.read())


def _scope(request: AWSPreparedRequest) -> dict[str, Any]:
    url = urlsplit(request.url)
    headers = {"host": HOST, **request.headers}
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote(url.path) or "/",
        "raw_path": url.path.encode(),
        "root_path": "",
        "query_string": url.query.encode(),
        "headers": [(_bytes(name).lower(), _bytes(value)) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": (HOST, 80),
    }


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()

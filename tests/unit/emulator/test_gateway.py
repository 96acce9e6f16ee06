import asyncio
from typing import Any

import pytest

from emulator.gateway import KEY_HEADER, gated

KEY = "AKIAKEY"


def answer(path: str, *, host: str = "127.0.0.1:4566", key: str = "") -> int:
    """Return the status of a request through the gate; 200 is the application's own."""
    statuses: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    headers = [(b"Host", host.encode()), (KEY_HEADER.encode(), key.encode())]
    scope = {"type": "http", "path": path, "headers": headers}
    asyncio.run(gated(app, port=4566, key=KEY)(scope, None, send))  # type: ignore[arg-type]
    (status,) = statuses
    return status


@pytest.mark.parametrize("host", ["127.0.0.1:4566", "localhost:4566", "LOCALHOST:4566"])
def test_request_to_this_machine_by_name_passes(host: str):
    assert answer("/", host=host) == 200


@pytest.mark.parametrize("host", ["shop.example:4566", "127.0.0.1", "127.0.0.1:80", ""])
def test_request_to_another_host_is_refused(host: str):
    assert answer("/", host=host) == 421


@pytest.mark.parametrize(
    "path",
    [
        "/_ministack/reset",
        "/_ministack/config",
        "/_ministack/ses/messages",
        "/_MiniStack/reset",
        "/_localstack/health",
        "/latest/api/token",
        "/latest/meta-data/iam/security-credentials/role",
    ],
)
def test_unsigned_request_needs_the_runs_key(path: str):
    assert answer(path) == 403
    assert answer(path, key="test") == 403
    assert answer(path, key=KEY) == 200


@pytest.mark.parametrize(
    "path", ["/_ministack/health", "/_ministack/cfn-response/token", "/orders"]
)
def test_request_with_its_own_token_or_without_harm_needs_no_key(path: str):
    assert answer(path) == 200


def test_servers_own_events_pass():
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    asyncio.run(gated(app, port=1, key=KEY)({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan"]

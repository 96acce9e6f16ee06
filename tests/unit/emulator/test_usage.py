"""What the local cloud counts, and who may read it."""

import asyncio
import json
from typing import Any

from emulator import usage
from emulator.gateway import KEY_HEADER, gated
from emulator.patches._permission_record import record
from ops.console import uses

KEY = "AKIAKEY"


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


def read(path: str, key: str) -> tuple[int, bytes]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    app = gated(usage.counted(nothing), port=4566, key=key)
    headers = [(b"host", b"127.0.0.1:4566"), (KEY_HEADER.encode(), KEY.encode())]
    scope = {"type": "http", "path": path, "headers": headers}
    asyncio.run(app(scope, None, send))  # type: ignore[arg-type]
    return sent[0]["status"], sent[1]["body"]


def test_counts_are_read_with_the_runs_key_only():
    usage.count("test:reading", on="a", number=0.5)
    usage.count("test:reading", on="a")

    status, body = read(usage.USAGE_PATH, KEY)

    assert status == 200
    assert ["test:reading", "", "a", "", 1.5] in json.loads(body)["uses"]
    assert read(usage.USAGE_PATH, "another")[0] == 403
    assert read("/", KEY)[0] == 404


def test_each_use_of_a_permission_counts():
    for source in ("rule", "rule", ""):
        record("test", "sqs:SendMessage", "arn:a.fifo", source)

    for key in ("1", "2"):
        record("test", "s3:PutObject", f"arn:aws:s3:::bucket/{key}")

    counts = usage.used()
    assert counts["s3:PutObject", "test", "arn:aws:s3:::bucket", ""] == 2
    assert counts["sqs:SendMessage", "test", "arn:a.fifo", "rule"] == 2
    assert counts["sqs:SendMessage", "test", "arn:a.fifo", ""] == 1


def test_console_asks_where_the_local_cloud_answers():
    assert (uses.USAGE_PATH, uses.KEY_HEADER) == (usage.USAGE_PATH, KEY_HEADER)

import json
import socket
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.error import HTTPError

import pytest

from workers.runtime import health
from workers.runtime.health import DRAINING, READY, STARTING, STUCK, STUCK_AFTER
from workers.runtime.shutdown import Shutdown


def state(*, ready: bool = True, idle: float = 0, stopping: bool = False) -> str:
    shutdown = Shutdown(grace=10, clock=lambda: 1_000.0)
    if stopping:
        shutdown.request()
    fine = SimpleNamespace(ready=True, last_progress_at=1_000.0)
    other = SimpleNamespace(ready=ready, last_progress_at=1_000.0 - idle)
    return health.state(cast(Any, [fine, other]), shutdown)


def test_state_follows_progress_and_shutdown():
    assert state() == READY
    assert state(ready=False) == STARTING
    assert state(stopping=True) == DRAINING
    assert state(idle=STUCK_AFTER) == READY
    assert state(idle=STUCK_AFTER + 1) == STUCK
    assert state(idle=STUCK_AFTER + 1, stopping=True) == STUCK


def ask(port: int, path: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, json.load(answer)
    except HTTPError as refused:
        return refused.code, json.load(refused)


@pytest.mark.parametrize(
    ("now", "alive", "ready"),
    [(STARTING, 200, 503), (READY, 200, 200), (DRAINING, 200, 503), (STUCK, 503, 503)],
)
def test_probe_gets_the_state(now: str, alive: int, ready: int):
    server = health.serve(0, lambda: now)
    try:
        assert server.server_address[0] == "127.0.0.1"
        port = server.server_address[1]
        assert ask(port, "/alive") == (alive, {"state": now})
        assert ask(port, "/ready") == (ready, {"state": now})
        assert ask(port, "/else")[0] == 404
    finally:
        server.shutdown()
        server.server_close()


class TestSystemd:
    @pytest.fixture
    def notifications(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(str(tmp_path / "notify"))
            systemd.setblocking(False)
            monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
            yield lambda: systemd.recv(1_000).decode().splitlines()

    @pytest.mark.parametrize(
        ("now", "words"),
        [
            (STARTING, ["STATUS=starting", "WATCHDOG=1"]),
            (READY, ["STATUS=ready", "WATCHDOG=1", "READY=1"]),
            (DRAINING, ["STATUS=draining", "WATCHDOG=1", "STOPPING=1"]),
        ],
    )
    def test_state_is_sent_to_systemd(self, notifications: Any, now: str, words: list[str]):
        health.notify_systemd(now)

        assert notifications() == words

    def test_stuck_program_sends_nothing(self, notifications: Any):
        health.notify_systemd(STUCK)

        with pytest.raises(BlockingIOError):
            notifications()

    def test_nothing_is_sent_without_systemd(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.delenv("NOTIFY_SOCKET", raising=False)

        health.notify_systemd(READY)

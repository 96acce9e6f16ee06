"""The console ends before its platform; a browser is opened for a person at a display only."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from demo import console
from demo.console import may_open, running_console
from demo.screen import Screen
from emulator.cloud import Cloud

SLOW = """\
import signal, time
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("http://127.0.0.1:1/enter", flush=True)
signal.sigwait([signal.SIGTERM])
time.sleep({seconds})
"""
"""A console whose end takes so many seconds."""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("sys.platform", "linux")


def test_terminal_with_a_display_opens_a_browser():
    assert may_open(Screen(Terminal()))


def test_pipe_opens_none():
    assert not may_open(Screen(io.StringIO()))


@pytest.mark.parametrize(("name", "value"), [("DISPLAY", ""), ("SSH_CONNECTION", "1 2 3 4")])
def test_terminal_without_a_display_or_far_away_opens_none(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
):
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv(name, value)

    assert not may_open(Screen(Terminal()))


@pytest.mark.parametrize(("seconds", "limit", "code"), [(1, 60, 0), (60, 0.1, -9)])
def test_console_has_ended_after_ctrl_c_even_if_it_hangs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seconds: float, limit: float, code: int
):
    started: list[subprocess.Popen[str]] = []

    def start(*_: Any, stderr: Any) -> Any:
        command = [sys.executable, "-c", SLOW.format(seconds=seconds)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[0]

    monkeypatch.setattr(console, "start_ops", start)
    monkeypatch.setattr(console, "STOP_SECONDS", limit)
    cloud = Cloud(endpoint="", certificate=tmp_path / "crt", directory=tmp_path)

    with pytest.raises(KeyboardInterrupt), running_console(cloud, Screen(io.StringIO())):
        raise KeyboardInterrupt

    # The code is there without a further wait: nothing writes to the cloud's directory any more.
    assert started[0].returncode == code

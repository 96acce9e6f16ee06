"""A browser is opened for a person at a display, and for nobody else."""

import io

import pytest

from demo.console import may_open
from demo.screen import Screen


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

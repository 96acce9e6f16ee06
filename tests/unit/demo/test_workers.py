"""Workers on a laptop are replaced when an update changes their template, or one has ended."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from demo import workers
from emulator.cloud import CloudError


def serve(
    monkeypatch: pytest.MonkeyPatch,
    templates: Sequence[str],
    *,
    broken: str = "",
    killed: Sequence[int] = (),
) -> list[str]:
    """Run workers while their launch template is one after the other; return what happened.

    Those are killed that were started after so many others.
    """
    happened: list[str] = []
    started = 0
    now = ""

    @contextmanager
    def running_every_group(*_: object) -> Iterator[list[Any]]:
        nonlocal started
        launched, code = now, -9 if started in killed else None
        started += 1
        if launched == broken:
            raise CloudError("A worker did not start")
        happened.append(f"{launched} runs")
        try:
            process = SimpleNamespace(poll=lambda: code, returncode=code)
            yield [SimpleNamespace(instance=SimpleNamespace(process=process, log="its.log"))]
        finally:
            happened.append(f"{launched} drains")

    def launch_templates(*_: object) -> str:
        return now

    def pause(seconds: float) -> None:
        nonlocal now
        if not left:
            raise KeyboardInterrupt
        now = left.pop(0)

    monkeypatch.setattr(workers, "running_every_group", running_every_group)
    monkeypatch.setattr(workers, "_launch_templates", launch_templates)
    now, *left = templates
    cloud: Any = None
    with pytest.raises(KeyboardInterrupt):
        workers.serve_until_interrupted(
            cloud,
            happened.append,
            ready=lambda: happened.append("ready"),
            pause=pause,
        )
    return happened


def test_workers_are_replaced_once_when_an_update_changes_their_template(
    monkeypatch: pytest.MonkeyPatch,
):
    happened = serve(monkeypatch, ["old", "old", "new", "new"])

    assert happened[:4] == ["old runs", "ready", "old drains", "new runs"]
    assert "run the deployed code" in happened[4]
    assert happened[5:] == ["new drains"]


def test_workers_that_do_not_start_are_reported_and_the_next_update_replaces_them(
    monkeypatch: pytest.MonkeyPatch,
):
    happened = serve(monkeypatch, ["old", "bad", "bad", "good"], broken="bad")

    assert happened[2:5] == ["old drains", "A worker did not start", "good runs"]
    assert happened[-1] == "good drains"


def test_workers_are_replaced_when_one_has_ended(monkeypatch: pytest.MonkeyPatch):
    happened = serve(monkeypatch, ["old", "old", "old"], killed=[0])

    assert happened[2:5] == ["A worker has ended, with -9: its.log", "old drains", "old runs"]
    assert happened[6:] == ["old drains"]


def test_workers_that_do_not_start_again_are_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch):
    happened = serve(monkeypatch, ["old", "bad", "bad", "bad"], broken="bad", killed=[0])

    assert happened.count("A worker did not start") == 1

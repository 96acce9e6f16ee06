"""What the command says, compared with files of ``golden``: ``--snapshot-update`` accepts it."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation

from ops import __main__ as main
from tests.unit.ops.dead_letter_samples import templates


class Golden(SingleFileSnapshotExtension):
    """A text file for each thing said, named by its test."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        tests = Path(test_location.filepath)
        return str(tests.parent / "golden" / tests.stem)


@pytest.fixture
def golden(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(Golden)


class EmptyDeployed:
    """An environment with the sinks of the templates, all empty."""

    def __init__(self, problem: BaseException | None = None) -> None:
        self._problem = problem

    def templates(self) -> Any:
        if self._problem is not None:
            raise self._problem
        return templates()

    def outputs(self, stack: str) -> Any:
        raise NotImplementedError

    def client(self, service: str) -> Any:
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        attributes = dict.fromkeys(names, "0")
        dated = {"ResponseMetadata": {"HTTPHeaders": {"date": "Tue, 01 Dec 2026 09:00:00 GMT"}}}
        return SimpleNamespace(
            get_queue_attributes=lambda **_: {"Attributes": attributes, **dated},
            receive_message=lambda **_: {},
            get_paginator=lambda _: SimpleNamespace(paginate=lambda **_: [dated]),
        )


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs the command in this process; returns its exit code, output and errors."""

    monkeypatch.setattr("ops.dlq.runner.time.sleep", lambda _: None)

    def run(*arguments: str, problem: BaseException | None = None) -> tuple[int, str, str]:
        monkeypatch.setattr(main, "deployed", lambda _: EmptyDeployed(problem))
        monkeypatch.setattr(sys, "argv", ["ops", *arguments])
        code = main.main()
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody waits; what would have been waited for is noted."""
    noted: list[float] = []
    monkeypatch.setattr("ops.views.compare.time.sleep", noted.append)
    return noted

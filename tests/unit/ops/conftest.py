"""What the command says, compared with files of ``golden``: ``--snapshot-update`` accepts it."""

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation


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

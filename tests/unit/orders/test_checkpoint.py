"""The row in which a job keeps its progress."""

from typing import Any

import boto3

from lambdas.orders.checkpoint import Checkpoint, Progress
from lambdas.runtime.dynamodb import from_item
from tests.support.doubles import ClientDouble
from tests.support.duplicates import NOON, after


class OneRow(ClientDouble):
    """A table of one row."""

    exceptions = boto3.client("dynamodb", "eu-west-1").exceptions

    def __init__(self) -> None:
        self.answer: dict[str, Any] = {}

    def get_item(self, **_: object) -> dict[str, Any]:
        return self.answer

    def put_item(self, **request: Any) -> None:
        self.answer = {"Item": request["Item"]}


def test_progress_is_kept_in_the_format_of_all_times():
    """The next release compares what this one wrote, as text."""
    row = OneRow()
    checkpoint = Checkpoint("checkpoints", job="a job", dynamodb=row)
    assert checkpoint.read() is None
    progress = Progress(done_until=NOON, unresolved=(after(-10), after(-5)))

    checkpoint.write(progress, before=None)

    assert from_item(row.answer["Item"]) == {
        "job": "a job",
        "at": "2026-12-01T12:00:00.000Z",
        "unresolved": ["2026-12-01T11:50:00.000Z", "2026-12-01T11:55:00.000Z"],
    }
    assert checkpoint.read() == progress

"""A job's progress in a real table."""

from typing import Any

import pytest

from lambdas.orders.checkpoint import Checkpoint, Progress
from lambdas.runtime.dynamodb import to_item
from tests.support.duplicates import NOON, after


@pytest.mark.parametrize(
    "edited",
    [
        {},
        {"at": "yesterday"},
        {"at": "2026-12-01T12:00:00"},
        {"at": 7},
        {"at": "2026-12-01T12:00:00.000Z", "unresolved": "none"},
    ],
    ids=str,
)
def test_row_that_somebody_edited_is_replaced_by_the_next_progress(
    dynamodb: Any, checkpoints: str, edited: dict[str, Any], capsys: pytest.CaptureFixture[str]
):
    dynamodb.put_item(TableName=checkpoints, Item=to_item({"job": "a job", **edited}))
    checkpoint = Checkpoint(checkpoints, job="a job", dynamodb=dynamodb)

    assert checkpoint.read() is None
    assert "checkpoint_unreadable" in capsys.readouterr().out
    first, second = Progress(done_until=NOON), Progress(done_until=after(5))
    checkpoint.write(first, before=None)
    checkpoint.write(second, before=first)

    assert checkpoint.read() == second

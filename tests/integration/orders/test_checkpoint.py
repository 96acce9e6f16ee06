"""A job's progress in a real table."""

from typing import Any

import pytest

from lambdas.orders.checkpoint import Checkpoint, Progress
from tests.support.duplicates import NOON, after


@pytest.mark.parametrize(
    "edited",
    [
        {},
        {"at": {"S": "yesterday"}},
        {"at": {"S": "2026-12-01T12:00:00"}},
        {"at": {"N": "7"}},
        {"at": {"N": "7.5"}},
        {"at": {"NS": ["7", "8"]}},
        {"at": {"B": b"7"}},
        {"at": {"S": "2026-12-01T12:00:00.000Z"}, "unresolved": {"S": "none"}},
    ],
    ids=str,
)
def test_row_that_somebody_edited_is_replaced_by_the_next_progress(
    dynamodb: Any, checkpoints: str, edited: dict[str, Any], capsys: pytest.CaptureFixture[str]
):
    dynamodb.put_item(TableName=checkpoints, Item={"job": {"S": "a job"}, **edited})
    checkpoint = Checkpoint(checkpoints, job="a job", dynamodb=dynamodb)

    assert checkpoint.read() is None
    assert "checkpoint_unreadable" in capsys.readouterr().out
    first, second = Progress(done_until=NOON), Progress(done_until=after(5))
    checkpoint.write(first, before=None)
    checkpoint.write(second, before=first)

    assert checkpoint.read() == second

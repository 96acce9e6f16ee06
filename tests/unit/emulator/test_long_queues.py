"""The same messages are received from a long queue as without the patch, with less work."""

import time
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, strategies
from ministack.services import sqs

from emulator.patches.long_queues import _collected_by

NOW = 1_000.0
RECEIVED = strategies.tuples(
    strategies.sampled_from("ABC"),
    strategies.sampled_from([NOW - 1, NOW, NOW + 1]),
    strategies.integers(0, 2),
)


def queue(received: Any, *, is_fifo: bool) -> dict[str, Any]:
    """A queue of messages: each with its group, when it is visible, and how often it was received.

    A topic's messages have less than those that were sent to a queue.
    """
    messages = [
        {
            "id": str(number),
            "body": "{}",
            "group_id": group,
            **({"visible_at": visible_at, "receive_count": count} if count else {}),
        }
        for number, (group, visible_at, count) in enumerate(received)
    ]
    return {"is_fifo": is_fifo, "messages": messages}


@given(received=strategies.lists(RECEIVED, max_size=12), is_fifo=strategies.booleans())
def test_same_messages_are_received(received: Any, is_fifo: bool) -> None:
    theirs, ours = (queue(received, is_fifo=is_fifo) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: NOW)
        expected = sqs._collect_msgs(theirs, 3, 30)

        found = _collected_by(sqs._collect_msgs)(ours, 3, 30)

    assert [without_receipt(m) for m in found] == [without_receipt(m) for m in expected]
    assert all(m["receipt_handle"] for m in found)


def without_receipt(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in deepcopy(message).items() if name != "receipt_handle"}


@pytest.mark.parametrize("is_fifo", [False, True])
def test_messages_that_are_not_received_are_left_as_they_are(is_fifo: bool) -> None:
    waiting = queue([(str(n), NOW, 0) for n in range(100)], is_fifo=is_fifo)

    _collected_by(sqs._collect_msgs)(waiting, 10, 30)

    assert sum("receipt_handle" in message for message in waiting["messages"]) == 10

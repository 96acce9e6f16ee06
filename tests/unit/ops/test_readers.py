"""An interruption in the middle of a request loses none of the messages that it leases."""

import signal
import threading
from contextlib import closing
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ops.dlq.readers import QueueReader
from tests.support.signals import interruptible


def test_messages_of_an_interrupted_request_are_given_back():
    returned: list[str] = []

    def receive(**_: Any) -> Any:
        # SQS has leased the message; its answer is still on its way.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        system = {"SentTimestamp": "0"}
        message = {"MessageId": "m", "ReceiptHandle": "h", "Body": "", "Attributes": system}
        return {"Messages": [message]}

    def change(*, Entries: Any, **_: Any) -> None:  # noqa: N803
        returned.extend(each["ReceiptHandle"] for each in Entries)

    sqs = SimpleNamespace(receive_message=receive, change_message_visibility_batch=change)
    reader = QueueReader("https://queue", cast(Any, sqs))

    with (
        interruptible(),
        pytest.raises(KeyboardInterrupt),
        closing(reader.lease_messages()) as messages,
    ):
        next(messages)
        signal.pause()

    assert returned == ["h"]

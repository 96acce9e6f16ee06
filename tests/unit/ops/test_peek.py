"""Many failure sinks are read in the time that a few take: each has a long poll at its end."""

import threading
from typing import Any

from ops.commands import dlq_list
from ops.deployed import CONFIG
from ops.dlq.failure_sinks import FailureSink
from ops.dlq.peek import MAX_WORKERS, peek_all
from ops.dlq.templates import QUEUE, Resource
from tests.unit.ops.console.conftest import FakeSqs
from tests.unit.ops.dead_letter_samples import AT, message, twins

QUEUES = 74


class SlowSqs(FakeSqs):
    """Answers a last, empty receive only when others wait as well, as a long poll does."""

    def __init__(self, at_once: int) -> None:
        super().__init__()
        self._at_once = threading.Barrier(at_once, timeout=10)

    def receive_message(self, **asked: Any) -> Any:
        answer = super().receive_message(**asked)
        if not answer["Messages"]:
            self._at_once.wait()
        return answer

    def change_message_visibility_batch(self, **_: Any) -> None:
        """Leave all leased: other queues are being read."""


def test_half_of_all_queues_wait_for_their_last_answer_at_the_same_time():
    sqs = SlowSqs(QUEUES // 2)
    sinks = [
        FailureSink(
            resource=Resource(
                stack="S", id=f"Queue{n}ABCDEF01", kind=QUEUE, physical=f"https://q/{n}"
            ),
            routes=[],
        )
        for n in range(QUEUES)
    ]
    sqs.messages = {sink.resource.physical: [message({}, id=sink.name)] for sink in sinks}

    found, unreadable = peek_all(sinks, lambda _: sqs)

    assert (len(found), unreadable) == (QUEUES, {})
    assert all(each.is_complete for each in found)


def test_each_request_has_a_connection():
    assert vars(CONFIG)["max_pool_connections"] >= MAX_WORKERS


def test_json_of_dlq_list_says_how_many_are_twins_of_those_in_an_earlier_queue():
    assert [each["twins"] for each in dlq_list.as_json(twins())] == [0, 1]


def test_dlq_list_counts_twins_once():
    table = dlq_list.as_table(twins(), AT, of=66)

    assert table.splitlines()[-1] == "1 dead letter in 2 of 66 queues, 1 in two of them"

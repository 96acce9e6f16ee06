"""Groups side by side, each in its order; poison alone; a stop that leaves nothing behind."""

from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.contracts.codec import ContractError
from tests.support.worker_fakes import FakeQueue, message
from workers.runtime import consumer as module
from workers.runtime.consumer import Consumer
from workers.runtime.queue import Message
from workers.runtime.shutdown import Shutdown

TIMEOUT = 10
"""Seconds until a test gives up what it waits for; nothing is asserted of how long it took."""


def consumer(
    queue: FakeQueue, handle: Callable[[Message], None], shutdown: Shutdown | None = None
) -> Consumer:
    return Consumer(queue, handle, shutdown=shutdown or Shutdown(grace=TIMEOUT))


def out_of_reach(_: str) -> None:
    raise ClientError({"Error": {"Code": "ServiceUnavailable"}}, "ReceiveMessage")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_DELAY", 0)


def test_groups_do_not_wait_for_each_other():
    queue = FakeQueue(message("a1", "A"), message("b1", "B"))
    b_is_done = Event()

    def handle(received: Message) -> None:
        if received.group == "A":
            assert b_is_done.wait(TIMEOUT)
        else:
            b_is_done.set()

    consumer(queue, handle).poll()

    assert queue.bodies == []


def test_messages_without_a_group_do_not_wait_either_and_all_are_deleted_in_one_request():
    queue = FakeQueue(message("a"), message("b"))
    steps: list[str] = []
    queue.then = steps.append
    b_is_done = Event()

    def handle(received: Message) -> None:
        if received.body == "a":
            assert b_is_done.wait(TIMEOUT)
        else:
            b_is_done.set()

    consumer(queue, handle).poll()

    assert steps.count("delete") == 1
    assert queue.bodies == []


@settings(max_examples=60)
@given(
    groups=st.lists(st.sampled_from("ABC"), min_size=1, max_size=25),
    failing=st.sets(st.integers(0, 24)),
    poison=st.sets(st.integers(0, 24)),
)
def test_order_of_a_group_is_kept_whatever_fails(
    groups: list[str], failing: set[int], poison: set[int]
):
    queue = FakeQueue(*(message(str(i), group) for i, group in enumerate(groups)))
    handled: dict[str, list[int]] = defaultdict(list)
    to_fail = set(failing)

    def handle(received: Message) -> None:
        number = int(received.body)
        if number in poison:
            raise ContractError("message", ["poison"])
        if number in to_fail:
            to_fail.remove(number)
            raise RuntimeError("not now")
        handled[str(received.group)].append(number)

    mine = consumer(queue, handle)
    while queue.messages:
        mine.poll()

    expected: dict[str, list[int]] = defaultdict(list)
    for i, group in enumerate(groups):
        if i not in poison:
            expected[group].append(i)
    assert handled == expected
    assert sorted(int(body) for body, _ in queue.dead_lettered) == sorted(
        i for i in poison if i < len(groups)
    )


def test_failed_message_and_those_behind_it_are_returned_and_others_are_handled():
    queue = FakeQueue(
        message("a1", "A"), message("a2", "A"), message("a3", "A"), message("b1", "B")
    )

    def handle(received: Message) -> None:
        if received.body == "a2":
            raise RuntimeError("not now")

    consumer(queue, handle).poll()

    assert queue.bodies == ["a2", "a3"]
    assert queue.visibility_changes == [("a2", 0), ("a3", 0)]
    assert queue.in_flight == []


def test_poison_is_dead_lettered_with_its_reason_and_the_rest_of_its_group_is_handled():
    queue = FakeQueue(message("a1", "A"), message("a2", "A"))
    handled = []

    def handle(received: Message) -> None:
        if received.body == "a1":
            raise ContractError("message", ["it is poison"])
        handled.append(received.body)

    consumer(queue, handle).poll()

    assert queue.dead_lettered == [("a1", "not a message: it is poison")]
    assert handled == ["a2"]
    assert queue.bodies == []


def test_poison_that_cannot_be_dead_lettered_is_redelivered():
    queue = FakeQueue(message("a1"))
    queue.then = lambda step: out_of_reach(step) if step == "dead_letter" else None

    def handle(received: Message) -> None:
        raise ContractError("message", ["it is poison"])

    consumer(queue, handle).poll()

    assert queue.bodies == ["a1"]


def test_visibility_of_a_slow_message_is_extended():
    queue = FakeQueue(message("slow", "A"), message("behind it", "A"), message("quick"), lease=0.03)
    held_twice = Event()

    def then(step: str) -> None:
        if len(queue.visibility_changes) >= 4:
            held_twice.set()

    queue.then = then

    def handle(received: Message) -> None:
        if received.body == "slow":
            assert held_twice.wait(TIMEOUT)

    consumer(queue, handle).poll()

    assert set(queue.visibility_changes) == {("slow", 0.03), ("behind it", 0.03)}
    assert queue.bodies == []


class Interrupted(Event):
    """Set while a second signal comes, when its lock is taken."""

    def __init__(self, again: Callable[[], None]) -> None:
        super().__init__()
        self._again = again
        self._locked = False

    def set(self) -> None:
        assert not self._locked, "the second signal would wait for the first for ever"
        self._locked = True
        self._again()
        super().set()


class TestStop:
    def test_second_signal_during_the_first_changes_nothing(self):
        now = [100.0]
        shutdown = Shutdown(grace=10, clock=lambda: now[0])

        def again() -> None:
            now[0] += 5
            shutdown.request()

        shutdown._requested = Interrupted(again)

        shutdown.request()

        assert (shutdown.requested, shutdown.remaining) == (True, 5)

    def test_shutdown_finishes_the_current_message_and_returns_the_rest(self):
        shutdown = Shutdown(grace=TIMEOUT)
        queue = FakeQueue(*(message(body, "A") for body in ("a1", "a2", "a3")))

        consumer(queue, lambda _: shutdown.request(), shutdown).run()

        assert queue.bodies == ["a2", "a3"]
        assert queue.visibility_changes == [("a2", 0), ("a3", 0)]

    def test_message_received_during_shutdown_is_returned_unhandled(self):
        shutdown = Shutdown(grace=TIMEOUT)
        queue = FakeQueue(message("a"), message("b"))
        queue.then = lambda step: shutdown.request() if step == "receive" else None
        handled: list[Message] = []

        consumer(queue, handled.append, shutdown).run()

        assert handled == []
        assert sorted(queue.visibility_changes) == [("a", 0), ("b", 0)]

    def test_message_that_outlasts_the_grace_period_is_returned(self):
        shutdown = Shutdown(grace=0)
        queue = FakeQueue(message("a1", "A"), message("a2", "A"))
        ended = Event()

        def handle(received: Message) -> None:
            shutdown.request()
            assert ended.wait(TIMEOUT)

        consumer(queue, handle, shutdown).run()
        given_back = list(queue.visibility_changes)
        ended.set()

        assert given_back == [("a1", 0), ("a2", 0)]
        assert queue.bodies == ["a1", "a2"]

    def test_second_shutdown_request_does_not_extend_the_grace(self):
        now = [100.0]
        shutdown = Shutdown(grace=10, clock=lambda: now[0])
        assert shutdown.remaining == float("inf")

        shutdown.request()
        now[0] = 104
        shutdown.request()

        assert shutdown.requested
        assert shutdown.remaining == 6


def test_consumer_is_ready_after_the_first_response_of_the_queue():
    queue = FakeQueue()
    mine = consumer(queue, lambda _: None)

    queue.then = out_of_reach
    mine.poll()
    assert not mine.ready

    queue.then = lambda _: None
    mine.poll()
    assert mine.ready


def test_unreachable_queue_is_retried():
    shutdown = Shutdown(grace=TIMEOUT)
    queue = FakeQueue(message("a"))
    tries: list[str] = []

    def then(step: str) -> None:
        tries.append(step)
        if tries.count("receive") < 3:
            out_of_reach(step)

    queue.then = then
    consumer(queue, lambda _: shutdown.request(), shutdown).run()

    assert queue.bodies == []


def test_two_consumers_share_a_queue():
    queue = FakeQueue(*(message(str(i), f"group {i % 7}") for i in range(60)))
    handled: dict[str | None, list[int]] = defaultdict(list)

    def handle(received: Message) -> None:
        handled[received.group].append(int(received.body))

    def work() -> None:
        mine = consumer(queue, handle)
        while queue.messages:
            mine.poll()

    with ThreadPoolExecutor(2) as pool:
        for run in [pool.submit(work) for _ in range(2)]:
            run.result()

    assert sorted(number for numbers in handled.values() for number in numbers) == list(range(60))
    assert all(numbers == sorted(numbers) for numbers in handled.values())

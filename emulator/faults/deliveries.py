"""Faults of deliveries that AWS makes at least once, and of a machine's tasks.

EventBridge, SNS, Lambda's asynchronous queue and its mappings may deliver twice and late; within
the groups of FIFO queues and topics, and within a stream's shards, order is kept all the same.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-what-is-how-it-works-concepts.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html
"""

import time
from collections.abc import Callable
from typing import TypeVar

from emulator.faults.chance import FAULTS, Kind
from emulator.timer import call_later

T = TypeVar("T")

LATEST = 180.0
"""The most seconds of AWS's time by which a delivery is late."""
LONGEST_PAUSE = 1.0
"""The most seconds that a batch waits before its function is invoked."""


class InjectedError(Exception):
    """What was to be done has failed. ``kind`` says how."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(f"injected fault: {kind}")
        self.kind = kind


def deliver(label: str, hand_over: Callable[[], None], *, ordered: bool = False) -> None:
    """Hand something over: at once, later, or now and once more later.

    What is ``ordered`` is never late. It may come twice, at once.
    """
    match FAULTS.choose(label, (Kind.DUPLICATE,) if ordered else (Kind.DUPLICATE, Kind.DELAY)):
        case Kind.DELAY:
            call_later(FAULTS.between(f"{label}, delay", 0, LATEST), hand_over)
        case Kind.DUPLICATE:
            hand_over()
            again = 0 if ordered else FAULTS.between(f"{label}, again", 0, LATEST)
            call_later(again, hand_over)
        case _:
            hand_over()


def attempt(label: str, work: Callable[[], T], *, kinds: tuple[Kind, ...]) -> T:
    """Do the work and return its result; or fail, before its effect or after it.

    Raises:
        InjectedError: a fault of one of the ``kinds`` was drawn.
    """
    kind = FAULTS.choose(label, kinds)
    if kind is None:
        return work()
    after = kind is Kind.SERVER_ERROR_AFTER or (
        kind is Kind.UNDELIVERED and FAULTS.between(f"{label}, after", 0, 1) < 0.5
    )
    if after:
        work()
    raise InjectedError(kind)


def invoke_with_batch(label: str, invoke: Callable[[], T]) -> T:
    """Invoke a function with a batch; perhaps after a pause, perhaps twice."""
    match FAULTS.choose(label, (Kind.DUPLICATE, Kind.DELAY)):
        case Kind.DELAY:
            time.sleep(FAULTS.between(f"{label}, delay", 0, LONGEST_PAUSE))
        case Kind.DUPLICATE:
            invoke()
    return invoke()

"""Delayed work: it runs in a thread of its own, in the caller's account and Region.

Work that nobody waits for is counted, so that one can see when all of it has been done.
"""

import contextvars
import functools
import heapq
import itertools
import os
import threading
import time
from collections.abc import Callable

DELAY_SCALE = float(os.environ.get("EMULATOR_DELAY_SCALE", "0.02"))
"""How much shorter AWS's documented delays between attempts are here: a minute is 1.2 s."""

_waiting: list[tuple[float, int, Callable[[], None]]] = []
_changed = threading.Condition()
_order = itertools.count()
_unfinished = 0


def call_later(delay: float, work: Callable[[], None]) -> None:
    """Call `work` after `delay` seconds of AWS's time, which are scaled down by `DELAY_SCALE`."""
    context = contextvars.copy_context()
    due = time.monotonic() + delay * DELAY_SCALE
    with _changed:
        _start()
        heapq.heappush(_waiting, (due, next(_order), counted(lambda: context.run(work))))
        _changed.notify()


def counted(work: Callable[[], None]) -> Callable[[], None]:
    """Return the work, which counts as unfinished from now until it has been done."""

    def done() -> None:
        try:
            work()
        finally:
            _count(-1)

    _count(1)
    return done


def unfinished() -> int:
    """Return how many deliveries and invocations wait, for their time too, or are being made."""
    return _unfinished


def _count(change: int) -> None:
    global _unfinished
    with _changed:
        _unfinished += change


@functools.cache
def _start() -> None:
    # One thread waits for all delayed work: a throttled function has a lot of it.
    threading.Thread(target=_run, name="timer", daemon=True).start()


def _run() -> None:
    while True:
        with _changed:
            while not _waiting or (remaining := _waiting[0][0] - time.monotonic()) > 0:
                _changed.wait(remaining if _waiting else None)
            _, _, work = heapq.heappop(_waiting)
        threading.Thread(target=work, daemon=True).start()

"""Wait for a condition, on a machine that may be overloaded or stand still for a while."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LONGEST_STEP = 10.0
"""Of the time between two looks, in seconds, at most so much counts as waited."""


class Wait:
    """How long somebody has waited.

    A laptop that was closed, or a machine that had no time, has not made what it waits for either.
    So of the time between two looks only ten seconds count.
    """

    def __init__(self) -> None:
        self._waited, self._last = 0.0, time.monotonic()

    def seconds(self) -> float:
        """Return the seconds that count as waited until now."""
        now = time.monotonic()
        self._waited += min(now - self._last, LONGEST_STEP)
        self._last = now
        return self._waited


def poll(look: Callable[[], T], *, seconds: float, interval: float = 0.05) -> T:
    """Call `look` until it returns a true value, or for `seconds`; return its last value."""
    wait = Wait()
    while not (found := look()) and wait.seconds() < seconds:
        time.sleep(interval)
    return found

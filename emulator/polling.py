"""Wait for a condition."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def poll(look: Callable[[], T], *, seconds: float, interval: float = 0.05) -> T:
    """Call `look` until it returns a true value, or for `seconds`; return its last value."""
    deadline = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(interval)
    return found

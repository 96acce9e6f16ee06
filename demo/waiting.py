"""Waiting for as long as there is progress."""

import time
from collections.abc import Callable

from emulator.polling import Wait

STALL_TIMEOUT = 60.0
"""Seconds without progress after which waiting ends."""
LONGEST_PAUSE = 10.0
"""The longest time between two queries, in seconds."""


def wait_until_none(
    remaining: Callable[[], int],
    *,
    progress: Callable[[], object] = lambda: None,
    stall: float = STALL_TIMEOUT,
) -> None:
    """Call `remaining` until it returns 0, or until there was no progress for `stall` seconds.

    There is progress when `remaining` falls, or when `progress` returns another value.
    """
    least, seen, wait = remaining(), progress(), Wait()
    while least and wait.seconds() < stall:
        began = time.monotonic()
        left, now = remaining(), progress()
        if left < least or now != seen:
            least, seen, wait = min(left, least), now, Wait()
        # Twice as long as the query took, so that most of the machine's time is left for the work.
        time.sleep(min(max(0.2, 2 * (time.monotonic() - began)), LONGEST_PAUSE))

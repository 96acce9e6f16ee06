"""Ends retries early if AWS cannot be reached."""

import time
from collections.abc import Callable
from typing import Any

MAX_SILENCE = 15
"""Seconds without any answer after which a lost connection is no longer retried."""


class FirstContact:
    """Prevents retries of connection errors before a first answer, and long after the last one.

    Without a network, or with a wrong endpoint, every retry fails like the first attempt, and ten
    of them take minutes. Once AWS has answered, a lost connection is retried as usual for some
    seconds.
    https://boto3.amazonaws.com/v1/documentation/api/latest/guide/events.html
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = float("-inf")
        """When retries end; infinite while AWS answers."""

    def watch(self, session: Any) -> None:
        """Apply to all clients that this boto3 session makes from now on."""
        session.events.register_first("needs-retry", self)

    def __call__(
        self, response: Any = None, caught_exception: Exception | None = None, **_: Any
    ) -> None:
        """Handle botocore's event ``needs-retry``, which comes after each attempt."""
        if response is not None:
            self._until = float("inf")
        elif caught_exception is not None:
            now = self._clock()
            self._until = min(self._until, now + MAX_SILENCE)
            if now >= self._until:
                raise caught_exception

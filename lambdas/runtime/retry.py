"""Retries: a bounded number of attempts, with full jitter between them."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


class NoAttemptError(Exception):
    """A retry policy was made with ``max_attempts`` below 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How many attempts to make, and how long to wait between them.

    The wait before retry ``n`` (0 for the first) is a random part of ``base_delay * 2**n`` seconds.
    https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
    """

    max_attempts: int
    """The most attempts, the first included."""
    base_delay: float = 0.0
    """In seconds; 0 retries at once."""
    sleep: Callable[[float], object] | None = None
    """Waits for so many seconds; `time.sleep` if it is None."""
    jitter: Callable[[], float] | None = None
    """Draws from 0 to 1; `random.random` if it is None."""

    def attempts(self) -> Iterator[int]:
        """Yield the number of each attempt, from 0, and wait before each one but the first.

        The caller leaves the loop when an attempt succeeds. The loop ends after the last attempt.
        """
        sleep, jitter = self.sleep or time.sleep, self.jitter or random.random
        for attempt in range(self.max_attempts):
            if attempt and self.base_delay:
                sleep(jitter() * self.base_delay * 2 ** (attempt - 1))
            yield attempt

    def is_last(self, attempt: int) -> bool:
        """Return whether this attempt, counted from 0, is the last."""
        return attempt >= self.max_attempts - 1

    def call(self, work: Callable[[], T], *, is_transient: Callable[[BaseException], bool]) -> T:
        """Call ``work`` until it succeeds or fails with a non-transient error; return its result.

        Raises what ``work`` raises: an error that is not transient at once, a transient one after
        the last attempt.
        """
        for attempt in self.attempts():
            try:
                return work()
            except BaseException as error:
                if not is_transient(error) or self.is_last(attempt):
                    raise
        raise NoAttemptError

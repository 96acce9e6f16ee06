"""A delivery with its retries, from EventBridge, Scheduler or SNS to a resource."""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from emulator.delivery_rules.retry_policies import (
    FailedAttempt,
    FailureKind,
    GiveUp,
    RetryAfter,
    Verdict,
)
from emulator.faults.chance import Kind
from emulator.faults.deliveries import InjectedError, attempt, deliver
from emulator.patches.sending import DeliveryError
from emulator.timer import call_later

logger = logging.getLogger("emulator.sending")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A delivery with its retries: attempts until one succeeds or the rule gives up."""

    what: str
    """Its name in the log."""
    to: str
    """The ARN of the resource."""
    attempt: Callable[[], None]
    rule: Callable[[FailedAttempt], Verdict]
    """Decides what follows a failed attempt."""
    dead_letter: Callable[[DeliveryError, GiveUp, int], None] | None
    """Sends a message that is given up to the dead-letter queue, with the number of retries.

    None if there is no dead-letter queue.
    """
    ordered: bool = False
    """Whether it must not be overtaken by a later one."""

    def start(self) -> None:
        """Make the first attempt in this thread; retries follow in others."""
        deliver(f"delivery to {self.to}", partial(self._try, 1, 0.0), ordered=self.ordered)

    def _attempt(self) -> None:
        kinds = () if self.ordered else (Kind.UNDELIVERED,)
        try:
            attempt(f"attempt at {self.to}", self.attempt, kinds=kinds)
        except InjectedError as error:
            raise DeliveryError("InternalError", str(error), permanent=False) from error

    def _try(self, times: int, age: float) -> None:
        try:
            self._attempt()
        except DeliveryError as error:
            kind = FailureKind.PERMANENT if error.permanent else FailureKind.TRANSIENT
            # For jitter, not for a secret.
            jitter = random.random()  # noqa: S311
            verdict = self.rule(FailedAttempt(kind=kind, times=times, age=age, jitter=jitter))
            if isinstance(verdict, RetryAfter):
                call_later(verdict.delay, partial(self._try, times + 1, age + verdict.delay))
            else:
                self._give_up(error, verdict, times - 1)

    def _give_up(self, error: DeliveryError, verdict: GiveUp, retries: int) -> None:
        logger.warning(
            "not delivered after %d retries, %s: %s: %s", retries, error.code, error, self.what
        )
        if self.dead_letter is None:
            return
        try:
            self.dead_letter(error, verdict, retries)
        except DeliveryError as refused:
            logger.error(  # noqa: TRY400 - the reason is what matters, not the trace
                "not taken by its dead-letter queue, %s: %s: %s", refused.code, refused, self.what
            )

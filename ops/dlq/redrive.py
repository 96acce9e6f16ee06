"""A redrive: what is in a place is put back, one after the other, and then deleted from it.

First it is put, and then deleted. When that is interrupted in between, the record is there twice,
and a redrive that is run again puts it a second time: every consumer bears that.
"""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from botocore.exceptions import ClientError

from ops.dlq.decode import DeadLetter, decode
from ops.dlq.executor import ActionFailedError
from ops.dlq.failure_sinks import FailureSink
from ops.dlq.plan import Action, NotRedrivableError, plan_redrive
from ops.dlq.readers import SinkReader
from ops.dlq.selection import Predicate

ACCESS_DENIED_CODES = ("AccessDenied", "AuthorizationError")
"""With what the codes begin of errors that the other records of a place would meet as well."""
FATAL_CODES = (
    *ACCESS_DENIED_CODES,
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "UnrecognizedClient",
)
"""The same with those that the records of all other places would meet, too.

SNS and S3 have words of their own.
https://docs.aws.amazon.com/botocore/latest/reference/services/sns/client/exceptions/AuthorizationErrorException.html
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedriveResult:
    """What became of a record, or would: moved by ``action``, or not, and ``why`` not."""

    sink: FailureSink
    dead_letter: DeadLetter
    action: Action | None = None
    error: str = ""

    @property
    def moved(self) -> bool:
        """Whether it was moved, or would be."""
        return not self.error


@dataclass(slots=True)
class Tally:
    """What a redrive came to: exact at any moment, also when it is interrupted.

    ``skipped`` counts those that were not meant, or came while it went on; ``not_received`` those
    that SQS did not give out, roughly; ``in_progress`` is the one that was put, perhaps, and not
    yet deleted. ``access_denied`` has the names of places that were left because of a right that
    is missing, and which.
    """

    results: list[RedriveResult] = field(default_factory=list)
    skipped: int = 0
    not_received: int = 0
    in_progress: DeadLetter | None = None
    access_denied: dict[str, str] = field(default_factory=dict)

    @property
    def moved(self) -> int:
        """How many were moved, or would be."""
        return sum(result.moved for result in self.results)

    @property
    def failed(self) -> int:
        """How many were meant, and stayed where they are."""
        return len(self.results) - self.moved

    @property
    def seen(self) -> int:
        """How many were looked at."""
        return len(self.results) + self.skipped


@dataclass(slots=True)
class RateLimit:
    """No more than so many a second."""

    per_second: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _next: float = 0

    def wait(self) -> None:
        """Wait until the next one may go."""
        now = self.clock()
        if now < self._next:
            self.sleep(self._next - now)
        self._next = max(now, self._next) + 1 / self.per_second


@dataclass(frozen=True, slots=True, kw_only=True)
class Redrive:
    """How a redrive is to be done: ``execute`` does an action; without it, nothing is done."""

    is_selected: Predicate
    execute: Callable[[Action], None] | None
    throttle: Callable[[], None]
    progress: Callable[[Tally], None]

    def run(self, sink: FailureSink, reader: SinkReader, tally: Tally) -> None:
        """Put back what is chosen of a place, and count it in ``tally``.

        Behind one of a FIFO queue that could not be moved, its group stays, in its order. What is
        parked while this goes on is left: it may be what was put back, and would be for ever.
        """
        blocked_groups: set[str] = set()
        began, before = reader.depth(), tally.seen
        with closing(reader.lease_messages()) as messages:
            for message in messages:
                dead_letter = decode(message, sink)
                if _arrived_since(began.measured_at, dead_letter) or not self.is_selected(
                    dead_letter
                ):
                    tally.skipped += 1
                    continue
                result = self._redrive_one(sink, reader, dead_letter, tally, blocked_groups)
                tally.results.append(result)
                if message.group_id and not result.moved:
                    blocked_groups.add(message.group_id)
                self.progress(tally)
        tally.not_received += max(began.total - (tally.seen - before), 0)

    def _redrive_one(
        self,
        sink: FailureSink,
        reader: SinkReader,
        dead_letter: DeadLetter,
        tally: Tally,
        blocked_groups: set[str],
    ) -> RedriveResult:
        group = dead_letter.message.group_id
        if group and group in blocked_groups:
            error = f"one before it in its group {group} could not be moved"
            return RedriveResult(sink=sink, dead_letter=dead_letter, error=error)
        action = None
        try:
            action = plan_redrive(dead_letter, sink)
            if self.execute is None:
                return RedriveResult(sink=sink, dead_letter=dead_letter, action=action)
            self.throttle()
            tally.in_progress = dead_letter
            self.execute(action)
        except (NotRedrivableError, ActionFailedError) as reason:
            tally.in_progress = None
            return RedriveResult(
                sink=sink, dead_letter=dead_letter, action=action, error=str(reason)
            )
        except ClientError as error:
            tally.in_progress = None
            if error.response["Error"]["Code"].startswith(FATAL_CODES):
                raise
            return RedriveResult(
                sink=sink, dead_letter=dead_letter, action=action, error=str(error)
            )
        reader.delete(dead_letter.message)
        tally.in_progress = None
        return RedriveResult(sink=sink, dead_letter=dead_letter, action=action)


def _arrived_since(began: datetime, dead_letter: DeadLetter) -> bool:
    """Whether a record was parked after a redrive began, of which the second is known.

    In that second, what was put back before is taken for what has just been.
    """
    known = began if dead_letter.redrive_count else began + timedelta(seconds=1)
    return dead_letter.message.sent_at >= known

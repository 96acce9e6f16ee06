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

from ops.choosing import Choice
from ops.holding import Holder
from ops.moving import NotDoneError
from ops.places import Place
from ops.records import Record, decode
from ops.redriving import Action, CannotBeMovedError, plan

FORBIDDEN = ("AccessDenied", "AuthorizationError")
"""With what the codes begin of errors that the other records of a place would meet as well."""
REFUSED = (
    *FORBIDDEN,
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
class Step:
    """What became of a record, or would: moved by ``action``, or not, and ``why`` not."""

    place: Place
    record: Record
    action: Action | None = None
    why: str = ""

    @property
    def moved(self) -> bool:
        """Whether it was moved, or would be."""
        return not self.why


@dataclass(slots=True)
class Tally:
    """What a redrive came to: exact at any moment, also when it is interrupted.

    ``left`` counts those that were not meant, or came while it went on; ``unseen`` those that SQS
    did not give out, roughly; ``in_hand`` is the one that was put, perhaps, and not yet deleted.
    ``shut`` has the names of places that were left because of a right that is missing, and which.
    """

    steps: list[Step] = field(default_factory=list)
    left: int = 0
    unseen: int = 0
    in_hand: Record | None = None
    shut: dict[str, str] = field(default_factory=dict)

    @property
    def moved(self) -> int:
        """How many were moved, or would be."""
        return sum(step.moved for step in self.steps)

    @property
    def failed(self) -> int:
        """How many were meant, and stayed where they are."""
        return len(self.steps) - self.moved

    @property
    def seen(self) -> int:
        """How many were looked at."""
        return len(self.steps) + self.left


@dataclass(slots=True)
class Pace:
    """No more than so many a second."""

    per_second: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _next: float = 0

    def keep(self) -> None:
        """Wait until the next one may go."""
        now = self.clock()
        if now < self._next:
            self.sleep(self._next - now)
        self._next = max(now, self._next) + 1 / self.per_second


@dataclass(frozen=True, slots=True, kw_only=True)
class Redrive:
    """How a redrive is to be done: ``move`` does an action; without it, nothing is done."""

    chosen: Choice
    move: Callable[[Action], None] | None
    pace: Callable[[], None]
    progress: Callable[[Tally], None]

    def run(self, place: Place, holder: Holder, tally: Tally) -> None:
        """Put back what is chosen of a place, and count it in ``tally``.

        Behind one of a FIFO queue that could not be moved, its group stays, in its order. What is
        parked while this goes on is left: it may be what was put back, and would be for ever.
        """
        stuck: set[str] = set()
        began, before = holder.depth(), tally.seen
        with closing(holder.taking()) as messages:
            for message in messages:
                record = decode(message, place)
                if _came_since(began.at, record) or not self.chosen(record):
                    tally.left += 1
                    continue
                step = self._step(place, holder, record, tally, stuck)
                tally.steps.append(step)
                if message.group and not step.moved:
                    stuck.add(message.group)
                self.progress(tally)
        tally.unseen += max(began.all - (tally.seen - before), 0)

    def _step(
        self, place: Place, holder: Holder, record: Record, tally: Tally, stuck: set[str]
    ) -> Step:
        group = record.message.group
        if group and group in stuck:
            why = f"one before it in its group {group} could not be moved"
            return Step(place=place, record=record, why=why)
        action = None
        try:
            action = plan(record, place)
            if self.move is None:
                return Step(place=place, record=record, action=action)
            self.pace()
            tally.in_hand = record
            self.move(action)
        except (CannotBeMovedError, NotDoneError) as reason:
            tally.in_hand = None
            return Step(place=place, record=record, action=action, why=str(reason))
        except ClientError as error:
            tally.in_hand = None
            if error.response["Error"]["Code"].startswith(REFUSED):
                raise
            return Step(place=place, record=record, action=action, why=str(error))
        holder.delete(record.message)
        tally.in_hand = None
        return Step(place=place, record=record, action=action)


def _came_since(began: datetime, record: Record) -> bool:
    """Whether a record was parked after a redrive began, of which the second is known.

    In that second, what was put back before is taken for what has just been.
    """
    known = began if record.redriven else began + timedelta(seconds=1)
    return record.message.since >= known

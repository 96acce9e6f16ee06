"""Redrive the dead letters of a sink: give each to the consumer that failed, then delete it.

In that order, nothing is lost. If a redrive is interrupted between the two, the next one gives the
same dead letter to the consumer again. All consumers are idempotent.

Some dead letters are about the same work. One of them is given to the consumer, and all are
deleted:

- Twins. If a function has a dead-letter queue and a destination, Lambda writes a dead letter to
  each about the same failed invocation.
- Repetitions: they give the same event to the same function. A redrive that was cut off leaves the
  twins of what it handed over; if that fails again, the event is in two pairs. And a function may
  be notified, by SNS, that another one failed. If it fails as well, each redrive of the other
  function's event adds a dead letter of the same notice.
"""

import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from botocore.exceptions import ClientError, ParamValidationError

from ops.dlq.decode import DeadLetter, decode
from ops.dlq.executor import ActionFailedError
from ops.dlq.failure_sinks import FailureSink
from ops.dlq.json_text import parse_json
from ops.dlq.plan import Action, Invoke, plan_redrive
from ops.dlq.readers import SinkReader
from ops.dlq.selection import Predicate
from ops.dlq.target_input import NotRedrivableError

ACCESS_DENIED_CODES = ("AccessDenied", "AuthorizationError")
"""Prefixes of codes of errors that the other dead letters of a sink would meet, too."""
FATAL_CODES = (
    *ACCESS_DENIED_CODES,
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "UnrecognizedClient",
)
"""Prefixes of codes of errors that all dead letters, in every sink, would meet.

SNS and S3 have codes of their own.
https://docs.aws.amazon.com/botocore/latest/reference/services/sns/client/exceptions/AuthorizationErrorException.html
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""
GONE_CODES = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "NoSuchBucket")
"""Codes of errors that say that a sink was deleted, though its template has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedriveResult:
    """The result of redriving one dead letter. In a dry run, the result to expect."""

    sink: FailureSink
    dead_letter: DeadLetter
    action: Action | None = None
    error: str = ""
    """Why it was not moved; empty if it was."""

    @property
    def moved(self) -> bool:
        """Whether the dead letter was moved, or in a dry run would be."""
        return not self.error


@dataclass(slots=True)
class Tally:
    """The results of a run.

    They are exact at any time, so that an interrupted run can report them.
    """

    results: list[RedriveResult] = field(default_factory=list)
    twins: dict[str, DeadLetter] = field(default_factory=dict)
    """By id, those that were deleted, or would be, because the run redrove their twin or one that
    they repeat.
    """
    skipped: int = 0
    """The number of dead letters that were not selected."""
    came: int = 0
    """The number of selected ones that came during the run: some of them may have failed again."""
    not_received: int = 0
    """The approximate number of dead letters that SQS did not return."""
    not_reached: int = 0
    """The approximate number of dead letters that the run did not come to, because it was cut off.
    """
    in_progress: DeadLetter | None = None
    """The dead letter that may have reached its target and is not deleted yet."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Why a sink was left out, by its name: it may not be read, or it is gone."""
    _moved: dict[str, DeadLetter] = field(default_factory=dict, repr=False)
    """What was handed over, by the invocation that failed."""
    _done: set[str] = field(default_factory=set, repr=False)
    """The work of the functions to which something was handed over."""

    @property
    def moved(self) -> int:
        """The number of dead letters moved, or in a dry run the number that would be."""
        return sum(result.moved for result in self.results)

    @property
    def failed(self) -> int:
        """The number of selected dead letters that stay in the sink."""
        return len(self.results) - self.moved

    @property
    def leaves_nothing(self) -> bool:
        """Whether all selected dead letters were moved, or in a dry run would be."""
        return not (self.failed or self.came or self.not_received or self.unreadable)

    @property
    def seen(self) -> int:
        """The number of dead letters received."""
        return len(self.results) + len(self.twins) + self.skipped + self.came

    def add(self, result: RedriveResult) -> None:
        """Count a result."""
        self.results.append(result)
        if result.moved and result.dead_letter.invocation_id:
            self._moved[result.dead_letter.invocation_id] = result.dead_letter
        if result.moved and (work := work_of(result.action)):
            self._done.add(work)

    def has_done(self, action: Action) -> bool:
        """Return whether this run gave the same event to the same function."""
        return work_of(action) in self._done

    def has_twin_of(self, dead_letter: DeadLetter) -> bool:
        """Return whether the dead letter's twin was redriven in this run, or would be."""
        moved = self._moved.get(dead_letter.invocation_id)
        return moved is not None and dead_letter.is_twin_of(moved)


def work_of(action: Action | None) -> str:
    """Identify the function and the event that an action gives to it; nothing for other actions.

    Of a failed invocation that SNS reports, whichever attempt, the event that failed counts, and
    the function that failed at it.
    """
    match action:
        case Invoke(target=target, payload=payload):
            work = [target.name, payload]
        case _:
            return ""
    match payload:
        case {"Records": [{"Sns": {"Message": str(record)}}]}:
            match parse_json(record):
                case {"requestContext": {"functionArn": str(failed)}, "requestPayload": event}:
                    work = [target.name, failed, event]
    return sha256(json.dumps(work, sort_keys=True).encode()).hexdigest()


@dataclass(slots=True)
class RateLimit:
    """Delays actions, so that at most ``per_second`` start per second."""

    per_second: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _next: float = 0

    def wait(self) -> None:
        """Wait until the next action may start."""
        now = self.clock()
        if now < self._next:
            self.sleep(self._next - now)
        self._next = max(now, self._next) + 1 / self.per_second


@dataclass(frozen=True, slots=True, kw_only=True)
class Redrive:
    """A redrive's options: which dead letters to select, and how to execute actions."""

    is_selected: Predicate
    execute: Callable[[Action], None] | None
    """Does an action; None in a dry run."""
    throttle: Callable[[], None]
    progress: Callable[[Tally], None]
    dead_lettered_before: datetime
    """Later dead letters are left: they may be redriven ones that failed again."""

    def run(self, sink: FailureSink, reader: SinkReader, tally: Tally) -> None:
        """Redrive the selected dead letters of a sink, and count them in ``tally``.

        If a message of a FIFO queue cannot be moved, the rest of its group stays, in order.
        """
        blocked_groups: set[str] = set()
        depth, seen_before = reader.depth(), tally.seen
        with closing(reader.lease_messages()) as messages:
            for message in messages:
                dead_letter = decode(message, sink)
                if self._delete_twin(sink, reader, dead_letter, tally):
                    continue
                if not self.is_selected(dead_letter):
                    tally.skipped += 1
                    continue
                if message.sent_at >= self.dead_lettered_before:
                    tally.came += 1
                    continue
                result = self._redrive_one(sink, reader, dead_letter, tally, blocked_groups)
                tally.add(result)
                if message.group_id and not result.moved:
                    blocked_groups.add(message.group_id)
                self.progress(tally)
        tally.not_received += max(depth.total - (tally.seen - seen_before), 0)

    def delete_twins(self, sink: FailureSink, reader: SinkReader, tally: Tally) -> None:
        """Delete the twins of redriven dead letters from a sink, even if they are not selected."""
        # In a dry run they are still there.
        moved = {result.dead_letter.message.id for result in tally.results if result.moved}
        with closing(reader.lease_messages()) as messages:
            for message in messages:
                if message.id not in moved:
                    self._delete_twin(sink, reader, decode(message, sink), tally)

    def _delete_twin(
        self, sink: FailureSink, reader: SinkReader, dead_letter: DeadLetter, tally: Tally
    ) -> bool:
        """Delete a dead letter if its twin, or what it repeats, was redriven; return whether so."""
        if not (tally.has_twin_of(dead_letter) or self._repeats(sink, dead_letter, tally)):
            return False
        if self.execute is not None:
            reader.delete(dead_letter.message)
        tally.twins[dead_letter.message.id] = dead_letter
        return True

    def _repeats(self, sink: FailureSink, dead_letter: DeadLetter, tally: Tally) -> bool:
        """Return whether it repeats what was redriven; what came since may have failed again."""
        if dead_letter.message.sent_at >= self.dead_lettered_before:
            return False
        try:
            return tally.has_done(plan_redrive(dead_letter, sink))
        except NotRedrivableError:
            return False

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
        except (NotRedrivableError, ActionFailedError, ParamValidationError) as reason:
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


def is_denied(error: ClientError) -> bool:
    """Return whether the error says that a permission is missing."""
    code: str = error.response["Error"]["Code"]
    return code.startswith(ACCESS_DENIED_CODES)


def concerns_one_sink(error: ClientError) -> bool:
    """Return whether the error hides one sink only: a permission is missing, or it is gone."""
    return is_denied(error) or error.response["Error"]["Code"] in GONE_CODES

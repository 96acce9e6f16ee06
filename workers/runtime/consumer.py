"""A consumer of a queue: message groups run concurrently, each in its order."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.contracts.codec import ContractError
from lambdas.runtime.log import log, log_error
from workers.runtime.queue import MAX_BATCH, Message, Queue
from workers.runtime.shutdown import Shutdown

RENEWALS_PER_LEASE = 3
"""How often a lease is renewed within its duration, so that two renewals may fail."""
RETRY_DELAY = 5
"""Seconds after which a failed message, or a failed request, is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    handled: Sequence[Message]
    unhandled: Sequence[Message]
    retry_delay: int = 0


class Consumer:
    """Receives and handles the messages of a queue, a batch at a time.

    A message is deleted after it was handled. After a crash it is delivered again, so ``handle``
    must be idempotent. A message that raises ContractError is dead-lettered at once, with the
    reason. After any other failure, the message and all later ones of its group return to the
    queue, and are delivered again after a pause. SQS dead-letters a message that was received too
    often.
    """

    def __init__(
        self, queue: Queue, handle: Callable[[Message], None], *, shutdown: Shutdown
    ) -> None:
        self.name = queue.name
        self.ready = False
        """Whether the queue has answered once: it exists, and the role may receive from it."""
        self.last_progress_at = shutdown.clock()
        """When the loop made progress last, on the shutdown's clock."""
        self._queue = queue
        self._handle = handle
        self._shutdown = shutdown
        self._pool = ThreadPoolExecutor(MAX_BATCH)

    def run(self) -> None:
        """Receive and handle messages until the shutdown is requested."""
        while not self._shutdown.requested:
            self.poll()

    def poll(self) -> None:
        """Receive a batch and handle its messages; return when all are done."""
        self.last_progress_at = self._shutdown.clock()
        try:
            messages = self._queue.receive()
            self.ready = True
            self._process(messages)
        except (ClientError, BotoCoreError) as error:
            # Messages in progress are delivered again when their lease expires.
            log_error("queue_unreachable", queue=self.name, error=str(error))
            self._shutdown.wait(RETRY_DELAY)

    def _process(self, messages: Sequence[Message]) -> None:
        jobs = {self._pool.submit(self._handle_group, group): group for group in _groups(messages)}
        pending = set(jobs)
        while pending:
            timeout = min(self._queue.lease / RENEWALS_PER_LEASE, max(self._shutdown.remaining, 0))
            finished, pending = wait(pending, timeout=timeout)
            self.last_progress_at = self._shutdown.clock()
            self._delete_or_return([job.result() for job in finished])
            in_flight = [message for job in pending for message in jobs[job]]
            expired = self._shutdown.remaining <= 0
            # A failed renewal is not repeated: another consumer may have received the message by
            # then, and handle it too. This is one reason why ``handle`` must be idempotent.
            for start in range(0, len(in_flight), MAX_BATCH):
                batch = in_flight[start : start + MAX_BATCH]
                seconds = 0 if expired else self._queue.lease
                self._log("lease_not_renewed", self._queue.set_visibility(batch, seconds=seconds))
            if expired:
                return

    def _delete_or_return(self, outcomes: Sequence[_Outcome]) -> None:
        """Delete what was handled, in one request for all groups; return the rest to the queue."""
        handled = [message for outcome in outcomes for message in outcome.handled]
        self._log("not_deleted", self._queue.delete(handled))
        for outcome in outcomes:
            self._log(
                "not_returned",
                self._queue.set_visibility(outcome.unhandled, seconds=outcome.retry_delay),
            )

    def _handle_group(self, group: Sequence[Message]) -> _Outcome:
        for i, message in enumerate(group):
            if self._shutdown.requested:
                return _Outcome(handled=group[:i], unhandled=group[i:])
            try:
                self._handle_or_dead_letter(message)
            except Exception as error:  # noqa: BLE001 -- SQS delivers it again, or dead-letters it
                log_error("message_failed", queue=self.name, id=message.id, error=repr(error))
                return _Outcome(handled=group[:i], unhandled=group[i:], retry_delay=RETRY_DELAY)
        return _Outcome(handled=group, unhandled=())

    def _handle_or_dead_letter(self, message: Message) -> None:
        try:
            self._handle(message)
        except ContractError as poison:
            self._queue.dead_letter(message, reason=str(poison))
            log_error("message_dead_lettered", queue=self.name, id=message.id, reason=str(poison))

    def _log(self, what: str, messages: Sequence[Message]) -> None:
        for message in messages:
            log(f"message_{what}", queue=self.name, id=message.id)


def _groups(messages: Sequence[Message]) -> list[list[Message]]:
    """Return the messages by group, in order; a message without a group is its own group."""
    groups: dict[str, list[Message]] = {}
    for message in messages:
        key = message.id if message.group is None else f"group {message.group}"
        groups.setdefault(key, []).append(message)
    return list(groups.values())

"""Consuming a queue: groups side by side, each in its order, until told to stop."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Event

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.contracts.codec import ContractError
from lambdas.runtime.log import log
from workers.warehouse.queue import MOST, Message, Queue

BEATS = 3
"""How often a lease is renewed in its time: two renewals may fail before others get the message."""
PAUSE = 5
"""Seconds after which something is tried again that failed."""


@dataclass(slots=True, kw_only=True)
class Stop:
    """Whether to stop, and for how long the work in hand may still go on: ``grace`` seconds."""

    grace: float
    clock: Callable[[], float] = time.monotonic
    _told: Event = field(default_factory=Event)
    _begun: bool = False
    _deadline: float = float("inf")

    def tell(self) -> None:
        """Stop: no new work from now on.

        A signal may say so in the middle of another's saying so. Setting an event takes a lock, for
        which the second would wait for ever: it has to see that the first has begun.
        """
        if not self._begun:
            self._begun = True
            self._deadline = self.clock() + self.grace
            self._told.set()

    @property
    def told(self) -> bool:
        """Whether to stop."""
        return self._told.is_set()

    @property
    def left(self) -> float:
        """The seconds that are left to finish in."""
        return self._deadline - self.clock()

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until told to stop; answer whether to stop."""
        return self._told.wait(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    done: Sequence[Message]
    undone: Sequence[Message]
    pause: int = 0


class Consumer:
    """Handles what comes on a queue, a batch at a time.

    A message is deleted once it is handled, so what a crash leaves comes again: ``handle`` has to
    be idempotent. One that makes no sense is parked at once, with the reason. One that fails goes
    back to the queue together with all behind it in its group, and comes again after a pause; SQS
    parks it when it has come too often.
    """

    def __init__(self, queue: Queue, handle: Callable[[Message], None], *, stop: Stop) -> None:
        self.name = queue.name
        self.ready = False
        """Whether the queue has answered: it is there, and we may receive from it."""
        self.turned = stop.clock()
        """When the loop last came round."""
        self._queue = queue
        self._handle = handle
        self._stop = stop
        self._pool = ThreadPoolExecutor(MOST)

    def run(self) -> None:
        """Consume until told to stop."""
        while not self._stop.told:
            self.turn()

    def turn(self) -> None:
        """Receive once and deal with all that came."""
        self.turned = self._stop.clock()
        try:
            messages = self._queue.receive()
            self.ready = True
            self._work(messages)
        except (ClientError, BotoCoreError) as error:
            # Whatever is in hand now comes again when its lease has run out.
            log("queue out of reach", queue=self.name, error=str(error))
            self._stop.wait(PAUSE)

    def _work(self, messages: Sequence[Message]) -> None:
        jobs = {self._pool.submit(self._in_order, group): group for group in _groups(messages)}
        pending = set(jobs)
        while pending:
            patience = min(self._queue.lease / BEATS, max(self._stop.left, 0))
            finished, pending = wait(pending, timeout=patience)
            self.turned = self._stop.clock()
            for outcome in [job.result() for job in finished]:
                self._log("not deleted", self._queue.delete(outcome.done))
                self._log("not returned", self._queue.hold(outcome.undone, seconds=outcome.pause))
            held = [message for job in pending for message in jobs[job]]
            over = self._stop.left <= 0
            # A beat never renews what others may have already: it is handled twice, and that is
            # why handling is idempotent.
            for start in range(0, len(held), MOST):
                batch = held[start : start + MOST]
                seconds = 0 if over else self._queue.lease
                self._log("not held", self._queue.hold(batch, seconds=seconds))
            if over:
                return

    def _in_order(self, group: Sequence[Message]) -> _Outcome:
        for i, message in enumerate(group):
            if self._stop.told:
                return _Outcome(done=group[:i], undone=group[i:])
            try:
                self._handle_or_park(message)
            except Exception as error:  # noqa: BLE001 -- it comes again, or SQS parks it at last
                log("message failed", queue=self.name, id=message.id, error=repr(error))
                return _Outcome(done=group[:i], undone=group[i:], pause=PAUSE)
        return _Outcome(done=group, undone=())

    def _handle_or_park(self, message: Message) -> None:
        try:
            self._handle(message)
        except ContractError as poison:
            self._queue.park(message, reason=str(poison))
            log("message parked", queue=self.name, id=message.id, reason=str(poison))

    def _log(self, what: str, messages: Sequence[Message]) -> None:
        for message in messages:
            log(f"message {what}", queue=self.name, id=message.id)


def _groups(messages: Sequence[Message]) -> list[list[Message]]:
    """The messages of each group in their order; a message without a group is one of its own."""
    groups: dict[str, list[Message]] = {}
    for message in messages:
        key = message.id if message.group is None else f"group {message.group}"
        groups.setdefault(key, []).append(message)
    return list(groups.values())

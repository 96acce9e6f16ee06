"""SQS: standard and FIFO queues, and their mappings to functions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from emulator.delivery_rules.queue_batches import Message, QueueMapping, Settings, to_delete
from simulation import chance as kinds
from simulation.chance import Chance
from simulation.functions import Function, Outcome
from simulation.kernel import Kernel

LONG = 900
"""How many seconds a message may be delayed, when something is wrong."""


@dataclass(slots=True, eq=False)
class Sent:
    """A message in a queue."""

    id: str
    body: str
    group: str
    deduplication: str
    attributes: Mapping[str, Any]
    at: float
    visible_from: float
    receives: int = 0


@dataclass(slots=True)
class Queue:
    """A queue. Nothing consumes a dead-letter queue except the operator."""

    name: str
    kernel: Kernel
    chance: Chance
    fifo: bool = False
    visibility: float = 30
    max_receives: int = 0
    dead_letters: "Queue | None" = None
    messages: list[Sent] = field(default_factory=list)
    on_arrival: Callable[[], None] = lambda: None
    _sent: int = 0
    _known: dict[str, float] = field(default_factory=dict)

    def send(
        self,
        body: str,
        *,
        group: str = "",
        deduplication: str = "",
        attributes: Mapping[str, Any] | None = None,
    ) -> str:
        """Add a message and return its id.

        A FIFO queue drops duplicates of the last five minutes.
        """
        now = self.kernel.now
        if deduplication and now - self._known.get(deduplication, -LONG) < 300:
            return deduplication
        self._known[deduplication] = now
        return self.add(body, group=group, deduplication=deduplication, attributes=attributes)

    def add(
        self,
        body: str,
        *,
        group: str = "",
        deduplication: str = "",
        attributes: Mapping[str, Any] | None = None,
    ) -> str:
        """Add a message, also a duplicate: one that a queue gives to its dead-letter queue."""
        now = self.kernel.now
        self._sent += 1
        message = Sent(
            id=f"{self.name}/{self._sent}",
            body=body,
            group=group,
            deduplication=deduplication,
            attributes=attributes or {},
            at=now,
            visible_from=now,
        )
        self.messages.append(message)
        if not self.fifo and self.chance.fault(f"queue {self.name}", [kinds.DELAY]):
            message.visible_from += self.chance.between("delay", 0, LONG)
        self.kernel.after(message.visible_from - now, self.on_arrival)
        return message.id

    def take(self, body: str) -> None:
        """Add a message from a rule, whose target the queue is."""
        self.send(body)

    def receive(self, count: int) -> list[Sent]:
        """Return at most ``count`` messages and hide them.

        While a message of a group is hidden, the group's later messages are not returned.
        """
        now, taken, blocked = self.kernel.now, list[Sent](), set[str]()
        for message in list(self.messages):
            if message.group in blocked or len(taken) >= count:
                continue
            if message.visible_from > now:
                blocked |= {message.group} - {""}
                continue
            if self.dead_letters and 0 < self.max_receives <= message.receives:
                self.delete(message)
                self.dead_letters.add(
                    message.body, group=message.group, deduplication=message.deduplication
                )
                continue
            message.receives += 1
            message.visible_from = now + self.visibility
            # A standard queue may deliver a hidden message again.
            if not self.fifo and self.chance.fault(f"receive {self.name}", [kinds.DUPLICATE]):
                message.visible_from = now + self.chance.between("again", 0, 1)
            self.kernel.after(message.visible_from - now, self.on_arrival)
            taken.append(message)
        return taken

    def delete(self, message: Sent) -> None:
        """Delete a message, if it is still there. Its group's next message can then be received."""
        if message in self.messages:
            self.messages.remove(message)
            if message.group:
                self.kernel.after(0, self.on_arrival)


class LambdaConsumer:
    """A mapping from a queue to a function, by the emulator's delivery rules."""

    def __init__(
        self, queue: Queue, function: Function, mapping: Mapping[str, Any], kernel: Kernel
    ) -> None:
        self._queue, self._function, self._kernel = queue, function, kernel
        self._mapping = QueueMapping(Settings.of(mapping, fifo=queue.fifo, reserved=None))
        queue.on_arrival = self._pump

    def _pump(self) -> None:
        now = self._kernel.now
        received = self._queue.receive(self._mapping.receive_count())
        self._mapping.add_messages([Message(id=m.id, group=m.group, body=m) for m in received], now)
        while batch := self._mapping.due(now):
            self._invoke(batch)
        if (due := self._mapping.next_due()) < float("inf"):
            self._kernel.after(max(due - now, 0.001), self._pump)

    def _invoke(self, batch: Sequence[Message]) -> None:
        records = [_record(message.body) for message in batch]

        def done(outcome: Outcome) -> None:
            settings, failed = self._mapping.settings, bool(outcome.error)
            deleted = to_delete(tuple(batch), settings, answer=outcome.payload, failed=failed)
            for message in deleted:
                self._queue.delete(message.body)
            self._mapping.complete(tuple(batch))
            self._pump()

        self._function.invoke({"Records": records}, done)


def _record(message: Sent) -> dict[str, Any]:
    attributes = {"ApproximateReceiveCount": str(message.receives)}
    if message.group:
        attributes |= {
            "MessageGroupId": message.group,
            "MessageDeduplicationId": message.deduplication,
        }
    return {
        "messageId": message.id,
        "body": message.body,
        "attributes": attributes,
        "messageAttributes": {},
        "eventSource": "aws:sqs",
    }

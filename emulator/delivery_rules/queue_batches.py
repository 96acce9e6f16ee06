"""One queue's mapping: how many messages are received, and what is invoked together, and when.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html

A standard queue's messages are gathered for the batching window or until the batch is full. A FIFO
queue has no window: what a receive answers is a batch, which may hold several groups, and a group
is in one batch at a time. What failed is left in the queue and comes back when its visibility
timeout is over; SQS keeps the group's later messages back until then. A FIFO function itself has to
report all that it did not do: what it does not name is deleted, here as on AWS.

AWS begins with 5 concurrent batches and adds more by the minute; a laptop stays at 5, and takes no
more than the function's reserved concurrency lets it invoke, where AWS does and is throttled.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emulator.delivery_rules.batch_item_failures import failed_identifiers

_CONCURRENCY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a mapping."""

    batch_size: int = 10
    batching_window: float = 0
    concurrency: int = _CONCURRENCY
    reports: bool = False

    @classmethod
    def of(cls, mapping: Mapping[str, Any], *, fifo: bool, reserved: int | None) -> "Settings":
        """Read the settings that Lambda's API or a template gave.

        `reserved` is the function's reserved concurrency.
        https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html
        """
        most = (mapping.get("ScalingConfig") or {}).get("MaximumConcurrency") or _CONCURRENCY
        window = float(mapping.get("MaximumBatchingWindowInSeconds", 0))
        return cls(
            batch_size=int(mapping.get("BatchSize", 10)),
            batching_window=0 if fifo else window,
            concurrency=int(most) if reserved is None else min(int(most), reserved),
            reports="ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", ()),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Message:
    """A message that was received; `group` is empty on a standard queue."""

    id: str
    group: str = ""
    body: Any = None


Batch = tuple[Message, ...]


def to_delete(batch: Batch, settings: Settings, *, answer: Any, failed: bool) -> list[Message]:
    """Return the messages that an invocation has done, by what Lambda got back."""
    if failed:
        return []
    back = failed_identifiers(answer, [message.id for message in batch]) if settings.reports else ()
    return [message for message in batch if message.id not in back]


class QueueMapping:
    """The state of one mapping. It takes what has happened, and returns what is due."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._waiting: list[Message] = []
        self._since = math.inf
        self._running: list[Batch] = []

    def receive_count(self) -> int:
        """How many messages to receive now: none while there is no place to invoke them."""
        if len(self._running) >= self.settings.concurrency:
            return 0
        return max(0, self.settings.batch_size - len(self._waiting))

    def add_messages(self, messages: Sequence[Message], now: float) -> None:
        """Take messages in the order in which SQS gave them."""
        if messages and not self._waiting:
            self._since = now
        self._waiting.extend(messages)

    def due(self, now: float) -> Batch:
        """Mark the next batch as running and return it; return an empty one if none is due."""
        if len(self._running) >= self.settings.concurrency:
            return ()
        # SQS gives a group's next messages when a visibility timeout ends, though the function
        # may still be at work on those before.
        in_flight = {message.group for running in self._running for message in running} - {""}
        ready = [message for message in self._waiting if message.group not in in_flight]
        batch = tuple(ready[: self.settings.batch_size])
        if len(batch) < self.settings.batch_size and now < self.next_due():
            return ()
        if batch:
            taken = set(batch)
            self._waiting = [message for message in self._waiting if message not in taken]
            self._since = now if self._waiting else math.inf
            self._running.append(batch)
        return batch

    def next_due(self) -> float:
        """When the batching window ends."""
        return self._since + self.settings.batching_window

    def complete(self, batch: Batch) -> None:
        """Know that the batch's invocation ended, however it did."""
        self._running.remove(batch)

"""The mapping of one queue: how many messages it receives, and which it batches, and when.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html

A standard queue's messages are collected until the batching window ends or the batch is full. A
FIFO queue has no window: the messages of one receive are a batch. It may have several groups, and a
group is in one batch at a time. Failed messages stay in the queue and return when their visibility
timeout ends; SQS holds back the group's later messages until then. The function of a FIFO queue has
to report all messages that it did not process: those that it does not report are deleted, here as
on AWS.

AWS begins with 5 concurrent batches and adds more every minute. Here there are at most 5, and no
more than the function's reserved concurrency. On AWS the mapping would exceed that and be
throttled.
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
        """Return the settings of a mapping in Lambda's API or in a template.

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
    """A received message; `group` is empty on a standard queue."""

    id: str
    group: str = ""
    body: Any = None


Batch = tuple[Message, ...]


def to_delete(batch: Batch, settings: Settings, *, answer: Any, failed: bool) -> list[Message]:
    """Return the messages that an invocation has processed, which Lambda deletes."""
    if failed:
        return []
    back = failed_identifiers(answer, [message.id for message in batch]) if settings.reports else ()
    return [message for message in batch if message.id not in back]


class QueueMapping:
    """The state of one mapping. Its methods record what happened, and return what to do next."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._waiting: list[Message] = []
        self._since = math.inf
        self._running: list[Batch] = []

    def receive_count(self) -> int:
        """Return how many messages to receive now; 0 at the limit of concurrent batches."""
        if len(self._running) >= self.settings.concurrency:
            return 0
        return max(0, self.settings.batch_size - len(self._waiting))

    def add_messages(self, messages: Sequence[Message], now: float) -> None:
        """Add received messages, in the order in which SQS delivered them."""
        if messages and not self._waiting:
            self._since = now
        self._waiting.extend(messages)

    def due(self, now: float) -> Batch:
        """Mark the next batch as running and return it; return an empty one if none is due."""
        if len(self._running) >= self.settings.concurrency:
            return ()
        # When a visibility timeout ends, SQS delivers a group's next messages, even if the
        # function is still processing earlier ones.
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
        """Return when the batching window ends; infinity if no message waits."""
        return self._since + self.settings.batching_window

    def complete(self, batch: Batch) -> None:
        """Record that the batch's invocation has ended, with any outcome."""
        self._running.remove(batch)

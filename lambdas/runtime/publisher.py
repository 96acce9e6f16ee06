"""Publishing events in batches."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from lambdas.contracts.envelope import EventEnvelope
from lambdas.runtime.retry import RetryPolicy

MAX_ENTRIES = 10
"""The most entries of one request, of PutEvents and of PublishBatch alike.
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html
"""
RETRY = RetryPolicy(max_attempts=3)
"""Rejected entries are sent again at once."""


class Publisher(ABC):
    """A destination of events."""

    keeps_order: ClassVar[bool] = False
    """Whether the events of a subject must arrive in their order."""

    def publish(self, events: Sequence[EventEnvelope[Any]]) -> list[EventEnvelope[Any]]:
        """Publish the events in batches; return those that were rejected, in order.

        A request may succeed for only some of its entries. Rejected entries are sent again at once,
        a few times; the caller retries those that are still rejected. Where order matters, the
        later events of a rejected event's subject count as rejected too.
        """
        rejected: list[EventEnvelope[Any]] = []
        waiting = list(events)
        while waiting:
            batch, waiting = waiting[:MAX_ENTRIES], waiting[MAX_ENTRIES:]
            for _ in RETRY.attempts():
                batch = self._put(batch)
                if not batch:
                    break
            rejected += batch
            if self.keeps_order:
                failed = {event.metadata.subject for event in batch}
                rejected += [event for event in waiting if event.metadata.subject in failed]
                waiting = [event for event in waiting if event.metadata.subject not in failed]
        return rejected

    @abstractmethod
    def _put(self, batch: Sequence[EventEnvelope[Any]]) -> list[EventEnvelope[Any]]:
        """Send a batch in one request; return the events that have to be sent again."""

"""Putting facts on the event bus."""

from collections.abc import Sequence
from typing import Any

from lambdas.contracts.envelope import EventEnvelope
from lambdas.runtime.retry import RetryPolicy

MAX_ENTRIES = 10
"""The most entries that one PutEvents takes; together they may have 1 MB, which ten of our largest
events (90 lines, whose letters are escaped in JSON: under 80 KB) do not reach.
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
"""
RETRY = RetryPolicy(max_attempts=3)
"""Rejected entries are sent again at once."""


class Bus:
    """An event bus, to which facts are published."""

    def __init__(self, name: str, *, eventbridge: Any) -> None:
        """``eventbridge`` is boto3's client of EventBridge."""
        self._name = name
        self._eventbridge = eventbridge

    def publish(self, events: Sequence[EventEnvelope[Any]]) -> list[EventEnvelope[Any]]:
        """Publish the facts in batches and return those that the bus did not take.

        PutEvents answers 200 also when it took only some entries. Those it did not take are sent
        again at once, a few times; what is then left is the caller's to retry later.
        """
        rejected: list[EventEnvelope[Any]] = []
        for start in range(0, len(events), MAX_ENTRIES):
            batch = list(events[start : start + MAX_ENTRIES])
            for _ in RETRY.attempts():
                batch = self._put(batch)
                if not batch:
                    break
            rejected += batch
        return rejected

    def _put(self, batch: list[EventEnvelope[Any]]) -> list[EventEnvelope[Any]]:
        response = self._eventbridge.put_events(
            Entries=[event.to_put_events_entry(self._name) for event in batch]
        )
        return [
            event
            for event, entry in zip(batch, response["Entries"], strict=True)
            if "ErrorCode" in entry
        ]

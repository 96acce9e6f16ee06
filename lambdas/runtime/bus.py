"""Putting facts on the event bus."""

from collections.abc import Sequence
from typing import Any

from lambdas.contracts.event import Fact

BATCH = 10
"""The most entries that one PutEvents takes; together they may have 1 MB, which ten of our largest
events (90 lines, whose letters are escaped in JSON: under 80 KB) do not reach.
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
"""
ATTEMPTS = 3


class Bus:
    """An event bus, to which facts are published."""

    def __init__(self, name: str, *, events: Any) -> None:
        """``events`` is boto3's client of EventBridge."""
        self._name = name
        self._events = events

    def publish(self, facts: Sequence[Fact[Any]]) -> list[Fact[Any]]:
        """Publish the facts in batches and return those that the bus did not take.

        PutEvents answers 200 also when it took only some entries. Those it did not take are sent
        again at once, a few times; what is then left is the caller's to retry later.
        """
        rejected: list[Fact[Any]] = []
        for start in range(0, len(facts), BATCH):
            batch = list(facts[start : start + BATCH])
            for _ in range(ATTEMPTS):
                batch = self._put(batch)
                if not batch:
                    break
            rejected += batch
        return rejected

    def _put(self, batch: list[Fact[Any]]) -> list[Fact[Any]]:
        answer = self._events.put_events(Entries=[fact.entry(self._name) for fact in batch])
        return [
            fact
            for fact, entry in zip(batch, answer["Entries"], strict=True)
            if "ErrorCode" in entry
        ]

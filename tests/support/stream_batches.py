"""A shard of a stream with a function that it invokes, and the records it gets."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from emulator.delivery_rules.stream_batches import Shard
from emulator.delivery_rules.stream_records import Batch, DiscardedBatch, Record, Settings

GUIDE = "https://docs.aws.amazon.com/lambda/latest/dg/"
PARAMETERS = GUIDE + "services-kinesis-parameters.html"
DISCARDED = GUIDE + "kinesis-on-failure-destination.html"
REPORTS = GUIDE + "services-kinesis-batchfailurereporting.html"


def record(position: int, key: str = "k", arrived: float = 0, *, wanted: bool = True) -> Record:
    return Record(
        position=position, sequence=str(position), key=key, arrived=arrived, wanted=wanted
    )


def failing(*sequences: Any) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": sequence} for sequence in sequences]}


Function = Callable[[Batch], dict[str, Any]]
"""Takes a batch; answers the keyword arguments of `Shard.complete`."""


def poisoned(*poison: int, reports: bool = False) -> Function:
    """A function that fails at some records; with reports it says at which."""

    def function(batch: Batch) -> dict[str, Any]:
        bad = [r.sequence for r in batch.records if r.position in poison]
        if not bad:
            return {}
        return {"answer": failing(*bad)} if reports else {"error": True}

    return function


@dataclass
class Run:
    """A shard together with a function that it invokes until nothing more happens."""

    shard: Shard
    function: Function
    now: float = 0
    invoked: list[list[int]] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    discarded: list[DiscardedBatch] = field(default_factory=list)

    def add_records(self, records: Iterable[Record]) -> None:
        self.shard.add_records(records, self.now)

    def step(self) -> list[Batch]:
        batches, discarded = self.shard.due(self.now)
        self.discarded += discarded
        for batch in batches:
            self.invoked.append([r.position for r in batch.records])
            self.at.append(self.now)
        return batches

    def to_the_end(self, max_steps: int = 10_000) -> "Run":
        for _ in range(max_steps):
            for batch in self.step():
                self.shard.complete(batch, self.now, **self.function(batch))
            due = self.shard.next_due()
            if due == math.inf:
                self.discarded += self.shard.due(self.now)[1]
                return self
            self.now = max(self.now, due)
        raise AssertionError("it never ends")

    @property
    def given_up(self) -> list[tuple[list[int], str, int]]:
        return [
            ([r.position for r in p.records], p.condition, p.invocations) for p in self.discarded
        ]


def run(options: Settings, records: Iterable[Record], function: Function, now: float = 0) -> Run:
    running = Run(Shard(options), function, now)
    running.add_records(records)
    return running.to_the_end()


def four() -> list[Record]:
    return [record(n) for n in range(4)]

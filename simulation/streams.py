"""Streams of tables and of Kinesis, and their mappings to functions.

The mappings follow the emulator's delivery rules.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from emulator.delivery_rules.stream_batches import Shard
from emulator.delivery_rules.stream_records import Batch, Record, Settings
from simulation import chance as kinds
from simulation.chance import Chance
from simulation.functions import Function, Outcome
from simulation.kernel import Kernel
from simulation.tables import Change

LONG = 600
"""How many seconds a stream may lag, when something is wrong."""
ONLY = "only"
"""The shard of a table's stream."""
GiveUp = Callable[[str, list[dict[str, Any]]], None]
"""Gets the function's name, and the records that its mapping gave up."""


@dataclass(slots=True)
class _Reading:
    """How far a mapping is in a shard."""

    shard: Shard
    parents: Sequence["_Reading"]
    unread: list[Record] = field(default_factory=list)
    """Records that are there, and are read when all of the parents are processed."""
    free_from: float = 0.0
    position: int = 0
    ends: bool = False
    """Whether no more records come."""
    wakes: float = 0.0
    """When it is looked at next, even if nothing happens before."""


class StreamMapping:
    """A mapping from a stream to a function. Records of a shard are in the order of the writes."""

    def __init__(
        self,
        function: Function,
        mapping: Mapping[str, Any],
        *,
        kernel: Kernel,
        chance: Chance,
        wanted: Callable[[Mapping[str, Any]], bool],
        give_up: GiveUp,
    ) -> None:
        """``wanted`` is the mapping's filter; ``give_up`` gets the batches that are discarded.

        Which shards it reads, ``open`` says.
        """
        self._function, self._kernel, self._chance = function, kernel, chance
        self._wanted, self._give_up = wanted, give_up
        self._settings = Settings.of(mapping, delay_scale=1)
        self._readings: dict[str, _Reading] = {}

    def open(self, shard: str = ONLY, parents: Sequence[str] = ()) -> None:
        """Begin to read a shard, as soon as its parents are processed."""
        before = [self._readings[parent] for parent in parents]
        self._readings[shard] = _Reading(Shard(self._settings), before)

    def close(self, shard: str) -> None:
        """No more records come to a shard than have been added."""
        reading = self._readings[shard]
        delay = max(reading.free_from - self._kernel.now, 0)
        self._kernel.after(delay, self._end, reading)

    def add(self, change: Change) -> None:
        """Deliver a change of a table."""
        images = {"OldImage": change.before, "NewImage": change.after}
        body = {
            "eventName": _name(change),
            "eventSource": "aws:dynamodb",
            "dynamodb": {name: image for name, image in images.items() if image},
        }
        self.deliver(body, "dynamodb", at=change.at, filtered=body)

    def deliver(
        self,
        body: dict[str, Any],
        kind: str,
        *,
        at: float,
        filtered: Mapping[str, Any],
        shard: str = ONLY,
        key: str = "",
    ) -> None:
        """Deliver a record after a random time, but after all earlier ones of its shard.

        ``filtered`` is what the filter sees; what it keeps out counts as processed. The part of the
        body that is called ``kind`` gets the record's sequence number.
        """
        if not self._wanted(filtered):
            return
        reading = self._readings[shard]
        now, where = self._kernel.now, f"stream to {self._function.short}"
        delay = self._chance.between(where, 0, 0.2)
        if self._chance.fault(where, [kinds.DELAY]):
            delay = self._chance.between(where, 0, LONG)
        reading.free_from = max(reading.free_from, now + delay)
        reading.position += 1
        sequence = f"{reading.position:021}"
        name = "SequenceNumber" if kind == "dynamodb" else "sequenceNumber"
        record = Record(
            position=reading.position,
            sequence=sequence,
            key=key,
            arrived=at,
            body=body | {kind: body[kind] | {name: sequence}},
        )
        self._kernel.after(reading.free_from - now, self._arrive, reading, record)

    def _arrive(self, reading: _Reading, record: Record) -> None:
        reading.unread.append(record)
        self._pump(reading)

    def _end(self, reading: _Reading) -> None:
        reading.ends = True
        self._pump(reading)

    def _pump(self, reading: _Reading) -> None:
        if not all(parent.shard.finished for parent in reading.parents):
            return
        now, shard = self._kernel.now, reading.shard
        shard.add_records(reading.unread, now)
        reading.unread = []
        if reading.ends:
            shard.close()
        batches, discarded = shard.due(now)
        for batch in batches:
            self._invoke(reading, batch)
        for gone in discarded:
            self._give_up(self._function.name, [record.body for record in gone.records])
        due = max(shard.next_due(), now + 0.001)
        if due < float("inf") and not now < reading.wakes <= due:
            reading.wakes = due
            self._kernel.after(due - now, self._pump, reading)
        if shard.finished:
            for child in self._readings.values():
                if reading in child.parents and (child.unread or child.ends):
                    self._pump(child)

    def _invoke(self, reading: _Reading, batch: Batch) -> None:
        where = f"batch of {self._function.short}"

        def done(outcome: Outcome) -> None:
            # The mapping may lose its checkpoint, and read the batch again.
            again = self._chance.fault(where, [kinds.DUPLICATE])
            reading.shard.complete(
                batch,
                self._kernel.now,
                answer=outcome.payload,
                error=bool(outcome.error) or again is not None,
                throttled=outcome.throttled,
            )
            self._pump(reading)

        self._function.invoke({"Records": [record.body for record in batch.records]}, done)


def _name(change: Change) -> str:
    if change.before is None:
        return "INSERT"
    return "MODIFY" if change.after is not None else "REMOVE"

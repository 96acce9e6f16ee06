"""The streams of tables, and their mappings to functions, by the emulator's delivery rules."""

from collections.abc import Callable, Mapping
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
GiveUp = Callable[[str, list[dict[str, Any]]], None]
"""Gets the function's name, and the records that its mapping gave up."""


class StreamMapping:
    """A mapping from a table's stream to a function. Changes are in the order of the writes."""

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
        """``wanted`` is the mapping's filter; ``give_up`` gets the batches that are discarded."""
        self._function, self._kernel, self._chance = function, kernel, chance
        self._wanted, self._give_up = wanted, give_up
        self._shard = Shard(Settings.of(mapping, delay_scale=1))
        self._position = 0
        self._free_from = 0.0

    def add(self, change: Change) -> None:
        """Deliver a change after a random time, but after all earlier changes."""
        now, where = self._kernel.now, f"stream to {self._function.short}"
        delay = self._chance.between(where, 0, 0.2)
        if self._chance.fault(where, [kinds.DELAY]):
            delay = self._chance.between(where, 0, LONG)
        self._free_from = max(self._free_from, now + delay)
        self._kernel.after(self._free_from - now, self._arrive, change)

    def _arrive(self, change: Change) -> None:
        self._position += 1
        sequence = f"{self._position:021}"
        images = {"OldImage": change.before, "NewImage": change.after}
        body = {
            "eventName": _name(change),
            "eventSource": "aws:dynamodb",
            "dynamodb": {
                "SequenceNumber": sequence,
                **{name: image for name, image in images.items() if image},
            },
        }
        record = Record(
            position=self._position,
            sequence=sequence,
            key="",
            arrived=change.at,
            wanted=self._wanted(body),
            body=body,
        )
        self._shard.add_records([record], self._kernel.now)
        self._pump()

    def _pump(self) -> None:
        now = self._kernel.now
        batches, discarded = self._shard.due(now)
        for batch in batches:
            self._invoke(batch)
        for gone in discarded:
            self._give_up(self._function.name, [record.body for record in gone.records])
        if (due := self._shard.next_due()) < float("inf"):
            self._kernel.after(max(due - now, 0.001), self._pump)

    def _invoke(self, batch: Batch) -> None:
        where = f"batch of {self._function.short}"

        def done(outcome: Outcome) -> None:
            # The mapping may lose its checkpoint, and read the batch again.
            again = self._chance.fault(where, [kinds.DUPLICATE])
            self._shard.complete(
                batch,
                self._kernel.now,
                answer=outcome.payload,
                error=bool(outcome.error) or again is not None,
                throttled=outcome.throttled,
            )
            self._pump()

        self._function.invoke({"Records": [record.body for record in batch.records]}, done)


def _name(change: Change) -> str:
    if change.before is None:
        return "INSERT"
    return "MODIFY" if change.after is not None else "REMOVE"

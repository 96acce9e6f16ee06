"""A state of the model: one order, and everything that is under way for it."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from simulation.pure_handlers import Payment, Rows
from simulation.row_events import published, simplified
from simulation.saga_walk import At


class Execution(NamedTuple):
    """An execution of a saga, which waits for the answer of a task."""

    id: str
    saga: str
    event: str
    at: At
    done: tuple[Any, ...] = ()
    """The answers that the task's command had so far."""
    wished: bool = False
    """Whether a wish to cancel was on record when it claimed the order."""


class Late(NamedTuple):
    """A request whose sender waits no longer. It may still take effect, or never."""

    kind: str
    arguments: str
    done: tuple[Any, ...]

    @property
    def sender(self) -> str:
        """The id of the execution that made a write; empty for another request."""
        return _sender(self.arguments)

    def __str__(self) -> str:
        if self.kind == "invoke":
            return str(json.loads(self.arguments)["FunctionName"]).rpartition(".")[2]
        return f"a write of {self.sender}" if self.sender else "a message"


class World(NamedTuple):
    """A state of the order, and of everything that is under way for it."""

    rows: Rows
    payment: Payment = Payment()
    events: frozenset[str] = frozenset()
    """What was published. Each is delivered to each consumer some time, and perhaps again."""
    delivered: frozenset[tuple[str, str]] = frozenset()
    """What has reached which consumer."""
    known_hold: tuple[int, bool] = (0, False)
    """The last event about a hold that reached shipping in time: its sequence, and if it held."""
    executions: tuple[Execution, ...] = ()
    late: frozenset[Late] = frozenset()
    repairs: frozenset[str] = frozenset()
    """The messages of the repair queue."""
    faults: int = 0
    """How many more things can go wrong."""
    cancellations: int = 0
    """How often more the customer cancels."""
    disputes: int = 0
    """How many more disputes there are."""

    def with_execution(self, execution: Execution) -> "World":
        """Return the world in which the execution is as given; gone if it has ended."""
        others = [e for e in self.executions if e.id != execution.id]
        here = [execution] if execution.at.task else []
        return self._replace(executions=tuple(sorted([*others, *here])))

    def after(self, writes: Sequence[Rows]) -> "World":
        """Return the world after these writes, with the events that relays publish for them."""
        rows, events = self.rows, self.events
        for written in writes:
            events |= published(rows, written) if written != rows else frozenset()
            rows = written._replace(order=simplified(written.order))
        return self._replace(rows=rows, events=events)


@cache
def _sender(arguments: str) -> str:
    values = json.loads(arguments).get("ExpressionAttributeValues", {})
    return str(values.get(":me", {}).get("S", ""))

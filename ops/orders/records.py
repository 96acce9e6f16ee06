"""All services' records of an order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ops.orders.executions import Execution

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDeadLetter:
    """A dead letter about an order."""

    queue: str
    twin_in: str = ""
    """The other queue in which it stands too, if there is one."""
    id: str
    at: str
    """When it was dead-lettered; ISO 8601."""
    what: str
    """Why it was dead-lettered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRecords:
    """All records of an order."""

    order: Row
    records: Mapping[str, Row | None]
    """The row of each other service; None where it has none. The storefront's is its timeline."""
    executions: Sequence[Execution] = ()
    dead_letters: Sequence[OrderDeadLetter] = ()
    readers: Mapping[str, str] = field(default_factory=dict)
    """If an event is not in the timeline: what Lambda says of the relay and of the projection."""
    unreadable: Mapping[str, str]
    """Why a service's records could not be read, by service. It is not in ``records``."""

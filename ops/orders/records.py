"""All services' records of an order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.orders.executions import Execution

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDeadLetter:
    """A dead letter about an order."""

    queue: str
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
    relay: str = ""
    """What Lambda says of the relay of the orders table, if an event has not been seen yet."""
    unreadable: Mapping[str, str]
    """Why a service's records could not be read, by service. It is not in ``records``."""

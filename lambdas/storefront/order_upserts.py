"""Upserts: the attributes that events add to the row of their order.

Each event adds an attribute of its own, named by its source and sequence. The row is therefore the
same in whatever order events arrive, and however often.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lambdas.contracts.envelope import EventEnvelope


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderUpsert:
    """Attributes to add to an order's row. Attributes that the row has already keep their value."""

    order_id: str
    attributes: Mapping[str, Any]
    """Values by attribute name."""


def upserts_by_order(
    events: Iterable[EventEnvelope[Any]],
    build_attributes: Callable[[EventEnvelope[Any]], Mapping[str, Any]],
) -> list[OrderUpsert]:
    """Return one upsert for each order, with the attributes of all its events."""
    orders: dict[str, dict[str, Any]] = {}
    for event in events:
        orders.setdefault(event.metadata.subject, {}).update(build_attributes(event))
    return [OrderUpsert(order_id=id_, attributes=attributes) for id_, attributes in orders.items()]


def event_key(event: EventEnvelope[Any]) -> str:
    """Return the name of the attribute for an event: unique among the events of its order."""
    return f"{event.data.source.rpartition('.')[2]}/{event.metadata.sequence}"


def sequence_of(name: str) -> int:
    """Return the sequence number in an attribute's name, as ``event_key`` makes it."""
    return int(name.rpartition("/")[2])

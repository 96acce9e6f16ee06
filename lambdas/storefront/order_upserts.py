"""Upserts: the attributes that events add to the row of their order.

Each event adds an attribute of its own, named by its source, sequence and version. The row is
therefore the same in whatever order events arrive, and however often. An event that was published
again after a release may have two versions: of these, the newest is read.
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
    """Return the name of the attribute for a version of an event, such as ``orders/5/2``."""
    service, metadata = event.data.source.rpartition(".")[2], event.metadata
    return f"{service}/{metadata.sequence}/{metadata.schema_version}"


def events_of(row: Mapping[str, Any]) -> dict[tuple[str, int], Any]:
    """Return the events of an order's row, each as its newest version, in the order of sequences.

    The keys are their services and sequences.
    """
    keys = sorted((key for key in row if "/" in key), key=_numbers)
    return {(key.partition("/")[0], _numbers(key)[0]): row[key] for key in keys}


def _numbers(key: str) -> tuple[int, int]:
    # Rows that were written before keys had a version stay until their view is rebuilt.
    _, sequence, *version = key.split("/")
    return int(sequence), int(version[0]) if version else 0

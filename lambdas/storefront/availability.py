"""Availability: the stock of a SKU as its product page shows it.

Every stock event has the whole stock of its SKU, so the latest event alone determines the view.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.inventory import StockEvent

IN_STOCK, LOW, SOLD_OUT = "IN_STOCK", "LOW", "SOLD_OUT"
"""The states of a SKU's availability."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """The stock status of a SKU, and how many units can be bought."""

    sku: str
    state: str
    """IN_STOCK, LOW or SOLD_OUT."""
    available: int
    """Units that no order has reserved."""
    sequence: int
    """The sequence number of the stock event that this is derived from."""
    changed_at: str
    """When that event occurred."""


def build_availabilities(events: Sequence[EventEnvelope[StockEvent]]) -> list[Availability]:
    """Return the availability of each SKU, from its latest event in ``events``."""
    latest: dict[str, EventEnvelope[StockEvent]] = {}
    for event in sorted(events, key=lambda event: event.metadata.sequence):
        latest[event.data.sku] = event
    return [_build_availability(event) for event in latest.values()]


def _build_availability(event: EventEnvelope[StockEvent]) -> Availability:
    stock = event.data
    if stock.available == 0:
        state = SOLD_OUT
    else:
        state = IN_STOCK if stock.available >= stock.minimum else LOW
    return Availability(
        sku=stock.sku,
        state=state,
        available=stock.available,
        sequence=event.metadata.sequence,
        changed_at=event.metadata.occurred_at,
    )

"""What a product's page shows of its stock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lambdas.contracts.event import Fact
from lambdas.contracts.inventory import StockEvent

IN_STOCK, LOW, SOLD_OUT = "IN_STOCK", "LOW", "SOLD_OUT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """How much of a SKU can be bought, as of the change number ``sequence`` of its stock."""

    sku: str
    state: str
    available: int
    sequence: int
    changed_at: str


def availabilities(facts: Sequence[Fact[StockEvent]]) -> list[Availability]:
    """What the latest fact about each SKU says: every one of them tells the whole stock."""
    latest: dict[str, Fact[StockEvent]] = {}
    for fact in facts:
        known = latest.setdefault(fact.data.sku, fact)
        if known.metadata.sequence < fact.metadata.sequence:
            latest[fact.data.sku] = fact
    return [_availability(fact) for fact in latest.values()]


def _availability(fact: Fact[StockEvent]) -> Availability:
    stock = fact.data
    if stock.available == 0:
        state = SOLD_OUT
    else:
        state = IN_STOCK if stock.available >= stock.minimum else LOW
    return Availability(
        sku=stock.sku,
        state=state,
        available=stock.available,
        sequence=fact.metadata.sequence,
        changed_at=fact.metadata.occurred_at,
    )


def view(product: Availability) -> dict[str, Any]:
    """The product as a customer sees it."""
    return {
        "sku": product.sku,
        "state": product.state,
        "available": product.available,
        "changed_at": product.changed_at,
    }

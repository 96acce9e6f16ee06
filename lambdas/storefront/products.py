"""A product as a customer sees it: its name, its offers and its availability."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lambdas.contracts.catalog import Offer, OffersChanged
from lambdas.contracts.codec import encode
from lambdas.contracts.envelope import EventEnvelope
from lambdas.storefront.availability import SOLD_OUT, Availability


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductOffers:
    """The name and all offers of a SKU, and the ``sequence`` of the event that has them."""

    sku: str
    name: str
    offers: tuple[Offer, ...]
    sequence: int
    changed_at: str


def build_product_offers(
    events: Sequence[EventEnvelope[OffersChanged]],
) -> list[ProductOffers]:
    """Return name and offers of each SKU, from its latest event: an event has all its offers."""
    latest: dict[str, EventEnvelope[OffersChanged]] = {}
    for event in sorted(events, key=lambda event: event.metadata.sequence):
        latest[event.data.sku] = event
    return [
        ProductOffers(
            sku=event.data.sku,
            name=event.data.name,
            offers=event.data.offers,
            sequence=event.metadata.sequence,
            changed_at=event.metadata.occurred_at,
        )
        for event in latest.values()
    ]


def render_product(
    availability: Availability | None, product: ProductOffers | None, *, now: datetime
) -> dict[str, Any] | None:
    """Return the product as a customer sees it; None if nothing is known of it.

    Its offers are those that are valid now. A product without stock is sold out. A product that is
    not in the catalogue has no name.
    """
    known = availability or product
    if known is None:
        return None
    offers = [encode(offer) for offer in product.offers if offer.is_valid(now)] if product else []
    return {
        "sku": known.sku,
        "name": product.name if product else None,
        "offers": offers,
        "state": availability.state if availability else SOLD_OUT,
        "available": availability.available if availability else 0,
        "changed_at": known.changed_at,
    }

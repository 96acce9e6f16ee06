"""The offers of SKUs, and the check of an order's prices against them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lambdas.contracts.catalog import Offer, OffersChanged
from lambdas.contracts.envelope import EventEnvelope
from lambdas.orders.api import PriceProblem

MAX_OFFERS_SHOWN = 200
"""The most offers in one refusal, some 25 KB: a thousand lines may have a hundred each."""


class PriceNotOnOfferError(Exception):
    """A line's price is not on offer. ``errors`` has each such line with the offers of its SKU."""

    def __init__(self, errors: Sequence[PriceProblem]) -> None:
        super().__init__(f"prices of {len(errors)} lines are not on offer")
        self.errors = errors


@dataclass(frozen=True, slots=True, kw_only=True)
class SkuOffers:
    """All offers of a SKU, and the ``sequence`` of the catalogue's event that has them."""

    sku: str
    sequence: int
    offers: tuple[Offer, ...]


def offers_of(event: EventEnvelope[OffersChanged]) -> SkuOffers:
    """Return the offers in an event of the catalogue, which has all offers of its SKU."""
    sequence = event.metadata.sequence
    return SkuOffers(sku=event.data.sku, sequence=sequence, offers=event.data.offers)


def check_prices(
    lines: Sequence[Mapping[str, Any]],
    *,
    currency: str,
    offers: Mapping[str, Sequence[Offer]],
    now: datetime,
    grace: timedelta,
) -> None:
    """Check that each line's price is on offer. ``offers`` are the offers by SKU.

    An offer counts for ``grace`` after its end: a customer may have read it just before. ``lines``
    are in the request's order, because errors name a line by its index.

    Raises:
        PriceNotOnOfferError: naming each line whose price is not on offer. The first of them list
            their offers, ``MAX_OFFERS_SHOWN`` altogether.
    """
    errors = []
    room = MAX_OFFERS_SHOWN
    for i, line in enumerate(lines):
        known = offers.get(line["sku"], ())
        price = (currency, line["unit_price"])
        if not any(
            (offer.currency, offer.unit_price) == price and offer.is_valid(now, grace=grace)
            for offer in known
        ):
            shown = tuple(offer for offer in known if offer.is_valid(now))[:room]
            room -= len(shown)
            errors.append(
                PriceProblem(
                    field=f"lines[{i}].unit_price",
                    problem=f"is not on offer for {line['sku']} in {currency}",
                    offers=shown,
                )
            )
    if errors:
        raise PriceNotOnOfferError(errors)

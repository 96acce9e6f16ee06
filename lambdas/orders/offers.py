"""The prices on offer, and whether an order's are among them."""

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
    """A line's price is not on offer; ``errors`` names each such line and what is on offer."""

    def __init__(self, errors: Sequence[PriceProblem]) -> None:
        super().__init__(f"prices of {len(errors)} lines are not on offer")
        self.errors = errors


@dataclass(frozen=True, slots=True, kw_only=True)
class SkuOffers:
    """The offers of a SKU, as of the change number ``sequence`` of the catalogue."""

    sku: str
    sequence: int
    offers: tuple[Offer, ...]


def offers_of(event: EventEnvelope[OffersChanged]) -> SkuOffers:
    """Return the offers that an event of the catalogue says: all of its SKU's."""
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
    """Check the lines of a request, in its order, against the offers by SKU.

    An offer counts for ``grace`` after its end: a customer may have read it just before.

    Raises:
        PriceNotOnOfferError: naming each line whose price is not on offer, the first of them with
            ``MAX_OFFERS_SHOWN`` offers altogether.
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

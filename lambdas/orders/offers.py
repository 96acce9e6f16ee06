"""The prices on offer, and whether an order's are among them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lambdas.contracts.catalog import Offer
from lambdas.orders.api import PriceProblem


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
        PriceNotOnOfferError: naming each line whose price is not on offer.
    """
    errors = []
    for i, line in enumerate(lines):
        known = offers.get(line["sku"], ())
        price = (currency, line["unit_price"])
        if not any(
            (offer.currency, offer.unit_price) == price and offer.is_valid(now, grace=grace)
            for offer in known
        ):
            errors.append(
                PriceProblem(
                    field=f"lines[{i}].unit_price",
                    problem=f"is not on offer for {line['sku']} in {currency}",
                    offers=tuple(offer for offer in known if offer.is_valid(now)),
                )
            )
    if errors:
        raise PriceNotOnOfferError(errors)

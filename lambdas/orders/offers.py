"""The prices on offer, and whether an order's are among them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lambdas.contracts.catalog import Offer
from lambdas.contracts.codec import encode
from lambdas.orders.domain import OrderConflictError


class PriceNotOnOfferError(OrderConflictError):
    """A line's price is not on offer; ``problems`` names each such line and what is on offer."""

    def __init__(self, problems: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(f"prices of {len(problems)} lines are not on offer")
        self.problems = problems


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
    problems = []
    for i, line in enumerate(lines):
        known = offers.get(line["sku"], ())
        price = (currency, line["unit_price"])
        if not any(
            (offer.currency, offer.unit_price) == price and offer.is_valid(now, grace=grace)
            for offer in known
        ):
            problems.append(
                {
                    "field": f"lines[{i}].unit_price",
                    "problem": f"is not on offer for {line['sku']} in {currency}",
                    "offers": [encode(offer) for offer in known if offer.is_valid(now)],
                }
            )
    if problems:
        raise PriceNotOnOfferError(problems)

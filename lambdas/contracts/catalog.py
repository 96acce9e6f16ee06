"""The event of the catalog service, and the offers in it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, ClassVar

from lambdas.contracts.bounds import ArrayBounds, IntegerBounds
from lambdas.contracts.event import Event
from lambdas.contracts.values import Currency, Sku, Time

SOURCE = "com.aws.catalog"
MAX_OFFERS = 100
"""The most offers of a SKU, with those that ended of late: they travel in one event."""
ENDED_OFFERS_KEPT = timedelta(days=1)
"""How long an offer stays in the catalogue after its end, so that readers may still honour it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A price at which a SKU can be bought, and from when until when. Times are UTC, ISO 8601."""

    currency: Currency
    unit_price: Annotated[int, IntegerBounds(minimum=1)]
    """In minor units of the currency."""
    valid_from: Time
    valid_until: Time | None = None
    """The offer is over at that moment; None means that it has no end yet."""

    def is_valid(self, at: datetime, *, grace: timedelta = timedelta()) -> bool:
        """Return whether the offer is valid at a time.

        It stays valid for ``grace`` after its end.
        """
        if at < datetime.fromisoformat(self.valid_from):
            return False
        return self.valid_until is None or at < datetime.fromisoformat(self.valid_until) + grace


@dataclass(frozen=True, slots=True, kw_only=True)
class OffersChanged(Event):
    """The name or the offers of a SKU changed. It carries all of them.

    So the event with the highest sequence of a SKU is all that a reader needs to know of it.
    """

    source: ClassVar = SOURCE
    version: ClassVar = 1
    subject_field: ClassVar = "sku"

    sku: Sku
    name: str
    offers: Annotated[tuple[Offer, ...], ArrayBounds(maximum=MAX_OFFERS)]
    """Running and coming ones, and those that ended within ``ENDED_OFFERS_KEPT``."""


EVENTS = (OffersChanged,)

"""A cache of offers in this process, so that a price that was just read is not read again."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lambdas.contracts.catalog import Offer

LONGEST = timedelta(minutes=1)
"""How long a copy is used at most."""
KEPT_SKUS = 500
"""Several orders' worth: the copies of the longest unread SKUs are dropped first."""

Find = Callable[[Iterable[str]], Mapping[str, Sequence[Offer]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    offers: Sequence[Offer]
    read_at: datetime


class KnownOffers:
    """A cache of offers by SKU. They are read again if it does not confirm a price.

    A cached copy can only confirm a price. It is used for no longer than ended offers are honoured,
    and only for offers that were running when it was read. If such an offer has ended since, it is
    still honoured, so the table would give the same answer.
    """

    def __init__(self, find: Find, *, grace: timedelta) -> None:
        """``find`` reads the offers of some SKUs; ``grace`` is how long ended offers count."""
        self._find = find
        self._kept = min(grace, LONGEST)
        self._copies: dict[str, _Copy] = {}

    def find(
        self, lines: Sequence[Mapping[str, Any]], *, currency: str, now: datetime
    ) -> dict[str, Sequence[Offer]]:
        """Return the offers of the lines' SKUs. One request, at most, reads what the cache lacks.

        Raises:
            UnprocessedKeysError: DynamoDB is throttled; try again.
        """
        wanted: dict[str, set[int]] = {}
        for line in lines:
            wanted.setdefault(line["sku"], set()).add(line["unit_price"])
        missing = [
            sku
            for sku, prices in wanted.items()
            if not prices <= self._confirmed(sku, currency=currency, now=now)
        ]
        if missing:
            self._read(missing, now=now)
        known = {sku: self._copies[sku].offers for sku in wanted}
        self._drop_oldest()
        return known

    def _confirmed(self, sku: str, *, currency: str, now: datetime) -> set[int]:
        """Return the prices of a SKU that its cached copy confirms; empty if it is too old."""
        copy = self._copies.get(sku)
        if copy is None or now - copy.read_at >= self._kept:
            return set()
        return {
            offer.unit_price
            for offer in copy.offers
            if offer.currency == currency and offer.is_valid(copy.read_at)
        }

    def _read(self, skus: Sequence[str], *, now: datetime) -> None:
        found = self._find(skus)
        for sku in skus:
            self._copies.pop(sku, None)  # so that the newest copies stand last
            self._copies[sku] = _Copy(offers=found.get(sku, ()), read_at=now)

    def _drop_oldest(self) -> None:
        for sku in list(self._copies)[:-KEPT_SKUS]:
            del self._copies[sku]

"""The offers that this process has read, so that a price read a moment ago is not read again."""

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
    """Offers by SKU, read when the copies in memory do not show that a price is on offer.

    A copy only ever confirms a price. It is used for no longer than ended offers are honoured, and
    only for an offer that was running when it was read. Such an offer has ended after that, if at
    all, so it is honoured still: the table would give the same answer.
    """

    def __init__(self, find: Find, *, grace: timedelta) -> None:
        """``find`` reads the offers of some SKUs; ``grace`` is how long ended offers count."""
        self._find = find
        self._kept = min(grace, LONGEST)
        self._copies: dict[str, _Copy] = {}

    def find(
        self, lines: Sequence[Mapping[str, Any]], *, currency: str, now: datetime
    ) -> dict[str, Sequence[Offer]]:
        """Return the offers of the lines' SKUs; at most one request reads those that are missing.

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
        """Return the prices that the copy confirms."""
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

"""Offers, and prices put on offer behind the catalogue's back."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.contracts.catalog import Offer
from lambdas.contracts.codec import encode
from lambdas.orders.offers import SkuOffers
from lambdas.runtime.dynamodb import to_item

NOW = datetime(2026, 12, 1, 8, 26, tzinfo=UTC)
LONG_AGO = "2000-01-01T00:00:00.000Z"


def offer(
    price: int = 255, *, currency: str = "GBP", begins: float = -60, ends: float | None = None
) -> Offer:
    """An offer that begins and ends so many seconds from NOW."""

    def at(seconds: float) -> str:
        return (NOW + timedelta(seconds=seconds)).isoformat()

    until = None if ends is None else at(ends)
    return Offer(currency=currency, unit_price=price, valid_from=at(begins), valid_until=until)


def put_on_offer(dynamodb: Any, table: str, *lines: Mapping[str, Any]) -> None:
    """Write the prices of an order's lines into orders' view, in place of the SKUs' others."""
    prices: dict[str, dict[int, Offer]] = {}
    for line in lines:
        price = line["unit_price"]
        always = Offer(currency="GBP", unit_price=price, valid_from=LONG_AGO)
        prices.setdefault(line["sku"], {})[price] = always
    for sku, offered in prices.items():
        offers = SkuOffers(sku=sku, sequence=0, offers=tuple(offered.values()))
        dynamodb.put_item(TableName=table, Item=to_item(encode(offers)))

"""Puts prices on offer behind the catalogue's back, for tests that are about something else."""

from collections.abc import Mapping
from typing import Any

from lambdas.contracts.catalog import Offer
from lambdas.contracts.codec import encode
from lambdas.orders.offers import SkuOffers
from lambdas.runtime.dynamodb import to_item

LONG_AGO = "2000-01-01T00:00:00.000Z"


def put_on_offer(dynamodb: Any, table: str, *lines: Mapping[str, Any]) -> None:
    """Write the prices of an order's lines into orders' view, in place of the SKUs' others."""
    prices: dict[str, dict[int, Offer]] = {}
    for line in lines:
        price = line["unit_price"]
        offer = Offer(currency="GBP", unit_price=price, valid_from=LONG_AGO)
        prices.setdefault(line["sku"], {})[price] = offer
    for sku, offered in prices.items():
        offers = SkuOffers(sku=sku, sequence=0, offers=tuple(offered.values()))
        dynamodb.put_item(TableName=table, Item=to_item(encode(offers)))

"""On OffersChanged: store the SKU's offers in the view that prices are checked against."""

from typing import Any

from lambdas.contracts.catalog import OffersChanged
from lambdas.contracts.parsing import parse_event
from lambdas.orders.offers import offers_of
from lambdas.orders.offers_view import OffersView
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

view = OffersView(setting("OFFERS_TABLE"), dynamodb=client("dynamodb"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return whether the offers were stored.

    An event older than the stored offers changes nothing.
    """
    offers = offers_of(parse_event([OffersChanged], event))
    stored = view.put_if_newer(offers)
    log("offers_received", sku=offers.sku, sequence=offers.sequence, stored=stored)
    return {"sku": offers.sku, "stored": stored}

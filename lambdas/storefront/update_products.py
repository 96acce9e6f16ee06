"""On OffersChanged: update the product's name and offers in the view."""

from typing import Any

from lambdas.contracts.catalog import OffersChanged
from lambdas.contracts.parsing import parse_event
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.storefront.projections import update_products
from lambdas.storefront.store import ProductView

view = ProductView(setting("PRODUCTS_TABLE"), dynamodb=client("dynamodb"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the SKU. An event older than the stored row changes nothing."""
    received = parse_event([OffersChanged], event)
    update_products(view, [received])
    log("product_updated", sku=received.data.sku, sequence=received.metadata.sequence)
    return {"sku": received.data.sku}

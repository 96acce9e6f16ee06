"""GET /products/{sku+}: the availability of a product."""

from typing import Any

from lambdas.runtime import http
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.storefront.availability import render_product
from lambdas.storefront.store import AvailabilityView

view = AvailabilityView(setting("AVAILABILITY_TABLE"), dynamodb=client("dynamodb"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return 200 with the product, or 404 if there was no event of it yet."""
    sku = event["pathParameters"]["sku"]
    product = view.find(sku)
    log("product_requested", sku=sku, found=product is not None)
    if product is None:
        return http.json_response(404, {"message": f"there is no product {sku}"})
    return http.json_response(200, render_product(product))

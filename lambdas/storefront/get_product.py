"""GET /products/{sku+}: a product's name and offers, and its availability."""

from datetime import UTC, datetime
from typing import Any

from lambdas.contracts.codec import decode
from lambdas.contracts.problems import NOT_FOUND, ProblemError
from lambdas.runtime import http
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.storefront.api import ProductPath, ShownProduct
from lambdas.storefront.products import render_product
from lambdas.storefront.store import AvailabilityView, ProductView

availabilities = AvailabilityView(setting("AVAILABILITY_TABLE"), dynamodb=client("dynamodb"))
products = ProductView(setting("PRODUCTS_TABLE"), dynamodb=client("dynamodb"))


@http.answer_problems
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return 200 with the product, or 404 if there was no event of its stock or offers yet."""
    sku = http.path(event, ProductPath).sku
    product = render_product(availabilities.find(sku), products.find(sku), now=datetime.now(UTC))
    log("product_requested", sku=sku, found=bool(product))
    if product is None:
        raise ProblemError(NOT_FOUND, f"there is no product {sku}")
    return http.json_response(200, decode(ShownProduct, product))

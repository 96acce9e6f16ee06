"""PUT /products/{sku+}: an operator puts a product on offer, or changes its name and offers."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from lambdas.catalog.api import CatalogProduct
from lambdas.catalog.domain import change_product
from lambdas.catalog.product_request import parse_product_request
from lambdas.catalog.store import Products
from lambdas.runtime import http
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting, whole_number

products = Products(setting("PRODUCTS_TABLE"), dynamodb=client("dynamodb"))
lead_time = timedelta(seconds=whole_number("LEAD_TIME_SECONDS"))


@http.answer_problems
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return 200 with the product and the times of its offers, or 400 naming every bad field."""
    requested = parse_product_request(http.body(event), path=http.path_parameters(event))
    change = partial(
        change_product,
        requested=requested,
        now=datetime.now(UTC),
        lead_time=lead_time,
        request_id=http.request_id(event),
    )
    product = products.change(requested.sku, change=change)
    log("product_put", sku=product.sku, sequence=product.sequence, offers=len(product.offers))
    shown = CatalogProduct(
        sku=product.sku,
        name=product.name,
        offers=product.offers,
        changed_at=product.changed_at,
    )
    return http.json_response(200, shown)

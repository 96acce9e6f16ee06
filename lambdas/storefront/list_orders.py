"""GET /orders: a customer's orders, newest first, page by page."""

from typing import Any

from lambdas.contracts.codec import decode
from lambdas.runtime import http
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.storefront.api import OrdersPage
from lambdas.storefront.customer_orders import render_order
from lambdas.storefront.queries import encode_page_token, parse_page_request
from lambdas.storefront.store import CustomerOrdersView

view = CustomerOrdersView(setting("CUSTOMER_ORDERS_TABLE"), dynamodb=client("dynamodb"))


@http.answer_problems
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return 200 with a page and the next page's token, or 400 naming every invalid parameter."""
    page = parse_page_request(http.query_parameters(event))
    rows, position = view.find_page(http.caller_id(event), page)
    log("orders_listed", found=len(rows))
    content = {
        "orders": [render_order(row) for row in rows],
        "next": encode_page_token(position) if position else None,
    }
    return http.cached_response(event, decode(OrdersPage, content))

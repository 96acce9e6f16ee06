"""GET /orders: a customer's orders, newest first, page by page."""

from typing import Any

from lambdas.runtime import http
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.storefront.domain import BadQueryError, listed, page, token
from lambdas.storefront.store import CustomersOrders

view = CustomersOrders(setting("CUSTOMERS_ORDERS_TABLE"), dynamodb=client("dynamodb"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer 200 with a page and the token of the next, or 400 naming every bad parameter."""
    try:
        wanted = page(http.query_parameters(event))
    except BadQueryError as bad:
        log("orders not listed", problems=len(bad.problems))
        return http.json_response(400, {"message": "bad parameters", "problems": bad.problems})
    rows, last = view.page(http.caller_id(event), wanted)
    log("orders listed", found=len(rows))
    content = {"orders": [listed(row) for row in rows], "next": token(last) if last else None}
    return http.cached_response(event, content)

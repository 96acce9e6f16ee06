"""GET /orders: a customer's orders, newest first, page by page."""

from collections.abc import Mapping
from typing import Any

from lambdas.contracts.codec import ContractError, decode
from lambdas.contracts.versions import CONVERSION_ERRORS
from lambdas.runtime import http
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.runtime.unreadable import report_unreadable
from lambdas.storefront.api import ListedOrder, OrdersPage
from lambdas.storefront.customer_orders import render_order
from lambdas.storefront.queries import encode_page_token, parse_page_request
from lambdas.storefront.store import CustomerOrdersView

view = CustomerOrdersView(setting("CUSTOMER_ORDERS_TABLE"), dynamodb=client("dynamodb"))


@http.answer_problems
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return 200 with a page and the next page's token, or 400 naming every invalid parameter.

    A row that is no order, because somebody edited it, is left out.
    """
    page = parse_page_request(http.query_parameters(event))
    rows, position = view.find_page(http.caller_id(event), page)
    orders = tuple(order for row in rows if (order := listed_order(row)))
    log("orders_listed", found=len(orders))
    following = encode_page_token(position) or None
    return http.cached_response(event, OrdersPage(orders=orders, next=following))


def listed_order(row: Mapping[str, Any]) -> ListedOrder | None:
    """Return an order as its customer's list shows it; None if it cannot be read from the row."""
    try:
        return decode(ListedOrder, render_order(row))
    except (ContractError, *CONVERSION_ERRORS) as error:
        report_unreadable("order_left_out", order_id=row.get("order_id"), error=repr(error))
        return None

"""GET /orders/{order_id}: a customer's order in its current state."""

from typing import Any

from lambdas.contracts.codec import decode
from lambdas.contracts.problems import NOT_FOUND, ProblemError
from lambdas.orders.api import OrderPath, OrderView
from lambdas.orders.customer_view import customer_view
from lambdas.orders.store import Orders
from lambdas.runtime import http
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

orders = Orders(setting("ORDERS_TABLE"), dynamodb=client("dynamodb"))


@http.answer_problems
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return 200 with the order, or 404 if it does not exist or is another customer's."""
    order_id = http.path(event, OrderPath).order_id
    order = orders.find(order_id, customer_id=http.caller_id(event))
    log("order_read", order_id=order_id, found=bool(order))
    if order is None:
        raise ProblemError(NOT_FOUND, f"you have no order {order_id}")
    return http.json_response(200, decode(OrderView, customer_view(order)))

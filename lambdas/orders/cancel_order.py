"""DELETE /orders/{order_id}: cancel a customer's order."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

from lambdas.contracts.orders import UNDONE_STATES
from lambdas.orders.cancellation import TooLateError, cancel
from lambdas.orders.store import Orders
from lambdas.runtime import http
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

orders = Orders(setting("ORDERS_TABLE"), dynamodb=client("dynamodb"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return 202 while the order is being cancelled and 200 once everything is undone.

    Return 404 if the customer has no such order, and 409 if it was dispatched.
    """
    order_id = event["pathParameters"]["order_id"]
    change = partial(cancel, now=datetime.now(UTC).isoformat())
    try:
        order = orders.update(order_id, customer_id=http.caller_id(event), change=change)
    except TooLateError as refusal:
        log("cancellation_refused", order_id=order_id, reason=str(refusal))
        return http.json_response(409, {"message": str(refusal)})
    log("cancellation_requested", order_id=order_id, state=order.state if order else None)
    if order is None:
        return http.json_response(404, {"message": f"you have no order {order_id}"})
    status = 200 if order.state in UNDONE_STATES else 202
    return http.json_response(status, {"order_id": order.order_id, "state": order.state})

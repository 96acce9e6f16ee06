"""DELETE /orders/{order_id}: the customer changes their mind."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

from lambdas.orders.domain import UNDONE_STATES, TooLateError, cancel
from lambdas.orders.store import Orders
from lambdas.runtime import http
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

orders = Orders(setting("ORDERS_TABLE"), dynamodb=client("dynamodb"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer 202 while the order is being cancelled, 200 once it has ended, or 404, or 409."""
    order_id = event["pathParameters"]["order_id"]
    change = partial(cancel, now=datetime.now(UTC).isoformat())
    try:
        order = orders.update(order_id, customer_id=http.caller_id(event), change=change)
    except TooLateError as refusal:
        log("cancellation refused", order_id=order_id, reason=str(refusal))
        return http.json_response(409, {"message": str(refusal)})
    log("cancellation requested", order_id=order_id, state=order.state if order else None)
    if order is None:
        return http.json_response(404, {"message": f"you have no order {order_id}"})
    status = 200 if order.state in UNDONE_STATES else 202
    return http.json_response(status, {"order_id": order.order_id, "state": order.state})

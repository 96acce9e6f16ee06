"""DELETE /orders/{order_id}: cancel a customer's order."""

from functools import partial
from typing import Any

from lambdas.contracts.order_states import UNDONE_STATES
from lambdas.contracts.problems import NOT_FOUND, ProblemError
from lambdas.orders.api import PAYMENT_DISPUTED, TOO_LATE, OrderPath, OrderStatus
from lambdas.orders.cancellation import DisputedError, TooLateError, cancel_for_customer
from lambdas.orders.store import Orders
from lambdas.runtime import http
from lambdas.runtime.aws import client
from lambdas.runtime.clock import current_time
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

orders = Orders(setting("ORDERS_TABLE"), dynamodb=client("dynamodb"))


@http.answer_problems
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return 202 while the order is being cancelled and 200 once everything is undone.

    Return 404 if the customer has no such order, and 409 if it was dispatched or its payment is
    disputed.
    """
    order_id = http.path(event, OrderPath).order_id
    change = partial(cancel_for_customer, now=current_time())
    try:
        order = orders.update(order_id, customer_id=http.caller_id(event), change=change)
    except TooLateError as refusal:
        raise ProblemError(TOO_LATE, str(refusal)) from None
    except DisputedError as refusal:
        raise ProblemError(PAYMENT_DISPUTED, str(refusal)) from None
    log("cancellation_requested", order_id=order_id, state=order.state if order else None)
    if order is None:
        raise ProblemError(NOT_FOUND, f"you have no order {order_id}")
    status = 200 if order.state in UNDONE_STATES else 202
    return http.json_response(status, OrderStatus(order_id=order.order_id, state=order.state))

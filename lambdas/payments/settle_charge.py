"""It is known what became of an order: its charge stays or is given back accordingly."""

from typing import Any

from lambdas.contracts.orders import hear_state
from lambdas.contracts.payments import RefundPayment
from lambdas.payments.provider import provider
from lambdas.payments.settlement import refund
from lambdas.payments.store import store
from lambdas.payments.unsettled import unsettled
from lambdas.runtime.log import log


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Refund it if the order is over, settle it if the order stands, else leave it alone."""
    order = hear_state(event)
    done = "nothing"
    if order.over:
        done = refund(RefundPayment(order_id=order.order_id), store(), provider()).state.value
    elif order.stands and unsettled().settle(order.order_id):
        done = "settled"
    log("charge looked after", order_id=order.order_id, order=order.state, done=done)
    return {"order_id": order.order_id, "order": order.state, "done": done}

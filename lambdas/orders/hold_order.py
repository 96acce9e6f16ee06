"""On PaymentDisputed: hold the order until an operator lifts the hold."""

from functools import partial
from typing import Any

from lambdas.contracts.orders import DISPUTED
from lambdas.contracts.parsing import parse_event
from lambdas.contracts.payments import PaymentDisputed
from lambdas.orders.holds import hold
from lambdas.orders.store import Orders
from lambdas.runtime.aws import client
from lambdas.runtime.clock import current_time
from lambdas.runtime.dead_letters import make_dead_letter_queue
from lambdas.runtime.log import log, log_error
from lambdas.runtime.settings import setting

orders = Orders(setting("ORDERS_TABLE"), dynamodb=client("dynamodb"))
dead_letters = make_dead_letter_queue()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Hold the order; return its state and whether it is held.

    An order that was dispatched or has ended is not held: OrderHoldMissed is published instead. A
    dispute about an unknown order is dead-lettered.
    """
    envelope = parse_event([PaymentDisputed], event)
    change = partial(
        hold,
        cause=envelope.metadata.event_id,
        reason=DISPUTED,
        explanation=f"the payment is disputed: {envelope.data.reason}",
        now=current_time(),
    )
    order = orders.update(envelope.data.order_id, change=change)
    if order is None:
        reason = f"there is no order {envelope.data.order_id}"
        dead_letters.send_event(event, reason=reason)
        log_error("dispute_dead_lettered", reason=reason)
        return {"dead_lettered": reason}
    log("hold_applied", order_id=order.order_id, state=order.state, held=len(order.held))
    return {"order_id": order.order_id, "state": order.state, "held": bool(order.held)}

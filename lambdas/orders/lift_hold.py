"""On an operator's command: lift a hold of an order, or cancel the order because of it."""

from functools import partial
from typing import Any

from lambdas.contracts.orders import LiftHold
from lambdas.orders.holds import NoSuchHoldError, cancel_held, lift_hold
from lambdas.orders.store import Orders
from lambdas.runtime.aws import client
from lambdas.runtime.clock import current_time
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

orders = Orders(setting("ORDERS_TABLE"), dynamodb=client("dynamodb"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Lift the hold, or cancel the order; return the causes of the holds still in force.

    Raises:
        NoSuchHoldError: there is no such order, or no such hold in force.
    """
    command = LiftHold.decode(event)
    do = cancel_held if command.cancel else lift_hold
    change = partial(do, cause=command.cause, now=current_time())
    order = orders.update(command.order_id, change=change)
    if order is None:
        raise NoSuchHoldError(f"there is no order {command.order_id}")
    causes = [hold.cause for hold in order.held]
    done = "held_order_cancelled" if command.cancel else "hold_lifted"
    log(done, order_id=order.order_id, cause=command.cause, held=len(causes))
    return {"order_id": order.order_id, "state": order.state, "held": causes}

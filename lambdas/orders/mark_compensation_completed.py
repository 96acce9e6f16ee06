"""On an operator's command: record that a failed compensation has been done after all."""

from functools import partial
from typing import Any

from lambdas.contracts.order_states import OPEN_STATES
from lambdas.contracts.orders import MarkCompensationCompleted
from lambdas.orders.domain import UnknownOrderError, complete_compensation
from lambdas.orders.store import Orders
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

orders = Orders(setting("ORDERS_TABLE"), dynamodb=client("dynamodb"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Record the compensation, if the command names one; return the order's state.

    Raises:
        UnknownOrderError: there is no such order.
        OrderNotUndoneError: a compensation is named, but the order was not undone.
    """
    command = MarkCompensationCompleted.decode(event)
    change = partial(complete_compensation, compensation=command.compensation)
    order = orders.update(command.order_id, change=change)
    if order is None:
        raise UnknownOrderError(f"there is no order {command.order_id}")
    log("compensation_marked_completed", order_id=order.order_id, compensation=command.compensation)
    return {
        "order_id": order.order_id,
        "state": order.state,
        "finished": order.state not in OPEN_STATES,
        "outstanding_compensations": list(order.outstanding_compensations),
    }

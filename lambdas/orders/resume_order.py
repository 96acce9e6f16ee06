"""On an operator's command: resume a deferred order at once."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

from lambdas.contracts.orders import ResumeOrder
from lambdas.orders.domain import UnknownOrderError
from lambdas.orders.events import event_for_change
from lambdas.orders.stalled_orders import resume
from lambdas.orders.store import Orders
from lambdas.runtime.aws import client
from lambdas.runtime.bus import Bus
from lambdas.runtime.errors import PublishError
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

orders = Orders(setting("ORDERS_TABLE"), dynamodb=client("dynamodb"))
bus = Bus(setting("EVENT_BUS"), eventbridge=client("events"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Publish the order's event again, which starts its saga; return the order's state.

    Raises:
        UnknownOrderError: there is no such order.
        NotDeferredError: the order is not deferred.
        PublishError: the bus rejected the event. The scheduled job publishes it in some minutes.
    """
    command = ResumeOrder.decode(event)
    order = orders.update(command.order_id, change=partial(resume, now=datetime.now(UTC)))
    if order is None:
        raise UnknownOrderError(f"there is no order {command.order_id}")
    published = event_for_change(None, order)
    if published and bus.publish([published]):
        raise PublishError(f"the bus rejected the event of order {order.order_id}")
    log("order_resumed", order_id=order.order_id, state=order.state)
    return {"order_id": order.order_id, "state": order.state}

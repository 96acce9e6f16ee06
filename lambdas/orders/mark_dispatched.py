"""On ShipmentDispatched: mark the order as dispatched."""

from functools import partial
from typing import Any

from lambdas.contracts.parsing import parse_event
from lambdas.contracts.shipping import ShipmentDispatched
from lambdas.orders.domain import UnexpectedDispatchError, dispatch
from lambdas.orders.holds import mark_hold_missed
from lambdas.orders.store import Orders
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

orders = Orders(setting("ORDERS_TABLE"), dynamodb=client("dynamodb"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Mark the order as dispatched, then each hold in force as missed: one write for each event.

    Raises:
        UnexpectedDispatchError: the order should not have been dispatched, or does not exist.
    """
    envelope = parse_event([ShipmentDispatched], event)
    at = envelope.metadata.occurred_at
    order = orders.update(envelope.data.order_id, change=partial(dispatch, now=at))
    while order and order.held:
        order = orders.update(order.order_id, change=partial(mark_hold_missed, now=at))
    if order is None:
        raise UnexpectedDispatchError(f"there is no order {envelope.data.order_id}")
    log("order_dispatched", order_id=order.order_id, state=order.state)
    return {"order_id": order.order_id, "state": order.state}

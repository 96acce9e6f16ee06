"""It is known what became of an order: its charge stays or is given back accordingly."""

from typing import Any

from lambdas.contracts.orders import parse_order_status
from lambdas.payments.provider import provider
from lambdas.payments.settlement import follow
from lambdas.payments.store import store
from lambdas.payments.unsettled import unsettled
from lambdas.runtime.log import log


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer REFUNDED if the order is over, else SETTLED or NOTHING."""
    order = parse_order_status(event)
    done = follow(order, charges=store(), provider=provider(), unsettled=unsettled())
    log("charge looked after", order_id=order.order_id, order=order.state, done=done)
    return {"order_id": order.order_id, "order": order.state, "done": done}

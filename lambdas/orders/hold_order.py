"""A payment is disputed: its order stays until a person has looked."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

from lambdas.contracts.event import parse_detail
from lambdas.contracts.payments import PaymentDisputed
from lambdas.orders.holds import hold
from lambdas.orders.store import Orders
from lambdas.runtime.aws import client
from lambdas.runtime.dead_letters import dead_letter
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

orders = Orders(setting("ORDERS_TABLE"), dynamodb=client("dynamodb"))
sqs, DEAD_LETTER_QUEUE_URL = client("sqs"), setting("DEAD_LETTER_QUEUE_URL")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer whether the order is held: it is not where it has left or is over, and that is told.

    A dispute of no order of ours is parked.
    """
    fact = parse_detail(PaymentDisputed, event["detail"])
    change = partial(
        hold,
        cause=fact.metadata.event_id,
        reason=fact.data.detail_type,
        explanation=f"the payment is disputed: {fact.data.reason}",
        now=datetime.now(UTC).isoformat(),
    )
    order = orders.update(fact.data.order_id, change=change)
    if order is None:
        reason = f"there is no order {fact.data.order_id}"
        dead_letter(sqs, DEAD_LETTER_QUEUE_URL, event, reason=reason)
        log("dispute dead-lettered", reason=reason)
        return {"dead_lettered": reason}
    log("hold applied", order_id=order.order_id, state=order.state, held=len(order.held))
    return {"order_id": order.order_id, "state": order.state, "held": bool(order.held)}

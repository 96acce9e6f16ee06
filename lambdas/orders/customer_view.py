"""An order as its customer sees it."""

from typing import Any

from lambdas.contracts.codec import encode
from lambdas.contracts.order_states import HOLDABLE_STATES
from lambdas.orders.domain import Order


def customer_view(order: Order) -> dict[str, Any]:
    """Return the order as the API shows it to its customer."""
    shown = {
        "order_id": order.order_id,
        "state": order.state,
        "currency": order.currency,
        "country": order.country,
        "lines": [encode(line) for line in order.lines],
        "total": order.total,
        "placed_at": order.placed_at,
        "changed_at": order.changed_at,
    }
    if order.reason:
        shown |= {"reason": order.reason, "explanation": order.customer_explanation}
    if order.held and order.state in HOLDABLE_STATES:
        shown["held"] = [
            {"reason": hold.reason, "explanation": hold.explanation, "since": hold.at}
            for hold in order.held
        ]
    if order.deferred_since:
        explanation = "we are working on your order; it takes longer than usual"
        shown["delayed"] = {"since": order.deferred_since, "explanation": explanation}
    return shown

"""It is known what became of an order: its charge stays or is given back accordingly."""

from typing import Any

from lambdas.contracts.orders import parse_order_status
from lambdas.payments.charging import reconcile
from lambdas.payments.provider import provider
from lambdas.payments.store import store
from lambdas.payments.unresolved_charges import unresolved_charges
from lambdas.runtime.log import log


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer REFUNDED if the order is over, else RESOLVED or UNCHANGED."""
    order = parse_order_status(event)
    outcome = reconcile(
        order, charges=store(), provider=provider(), unresolved_charges=unresolved_charges()
    )
    log("charge_reconciled", order_id=order.order_id, order=order.state, outcome=outcome)
    return {"order_id": order.order_id, "order": order.state, "outcome": outcome}

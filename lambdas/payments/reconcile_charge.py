"""On an order's status: refund the charge if the order is undone, keep it if confirmed."""

from typing import Any

from lambdas.contracts.orders import parse_order_status
from lambdas.payments.charging import reconcile
from lambdas.payments.lambda_provider import LambdaProvider
from lambdas.payments.store import make_store
from lambdas.payments.unresolved_charges import make_unresolved_charges
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

charges = make_store()
provider = LambdaProvider(setting("CARD_PROVIDER_FUNCTION"))
unresolved = make_unresolved_charges()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return REFUNDED if the order is undone, RESOLVED if its charge is kept, else UNCHANGED."""
    order = parse_order_status(event)
    outcome = reconcile(order, charges=charges, provider=provider, unresolved_charges=unresolved)
    log("charge_reconciled", order_id=order.order_id, order=order.state, outcome=outcome)
    return {"order_id": order.order_id, "order": order.state, "outcome": outcome}

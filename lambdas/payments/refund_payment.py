"""RefundPayment, the compensation of TakePayment: refund the payment of an order."""

from typing import Any

from lambdas.contracts.payments import RefundPayment
from lambdas.payments.charging import refund
from lambdas.payments.lambda_provider import LambdaProvider
from lambdas.payments.store import make_store
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

charges = make_store()
provider = LambdaProvider(setting("CARD_PROVIDER_FUNCTION"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Refund the payment; return the charge's state. Raise ContractError for any other event."""
    command = RefundPayment.decode(event)
    charge = refund(command, charges, provider)
    log("payment_refunded", order_id=charge.order_id, state=charge.state)
    return {"order_id": charge.order_id, "state": charge.state}

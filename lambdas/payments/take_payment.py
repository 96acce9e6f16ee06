"""TakePayment, the saga's second action: take the payment of an order."""

from typing import Any

from lambdas.contracts.payments import TakePayment
from lambdas.payments.charging import take
from lambdas.payments.domain import check_taken
from lambdas.payments.lambda_provider import LambdaProvider
from lambdas.payments.store import make_store
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

charges = make_store()
provider = LambdaProvider(setting("CARD_PROVIDER_FUNCTION"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Take the payment; return the charge's state.

    Raises:
        ContractError: the event is not a TakePayment.
        PaymentDeclined, PaymentAlreadyRefunded: final; every retry raises the same.
    """
    command = TakePayment.decode(event)
    charge = take(command, charges, provider)
    log("payment_decided", order_id=charge.order_id, state=charge.state)
    check_taken(charge)
    return {"order_id": charge.order_id, "state": charge.state}

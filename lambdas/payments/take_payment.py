"""Takes the payment of an order; a step of the fulfilment saga."""

from typing import Any

from lambdas.contracts.payments import TakePayment
from lambdas.payments.charging import take
from lambdas.payments.domain import check_taken
from lambdas.payments.provider import provider
from lambdas.payments.store import store
from lambdas.runtime.log import log


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Carry out a TakePayment.

    Raises:
        ContractError: the event is no TakePayment.
        PaymentDeclined, PaymentAlreadyRefunded: final; the same whenever it is asked again.
    """
    command = TakePayment.decode(event)
    charge = take(command, store(), provider())
    log("payment_decided", order_id=charge.order_id, state=charge.state)
    check_taken(charge)
    return {"order_id": charge.order_id, "state": charge.state}

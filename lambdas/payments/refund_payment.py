"""Gives the payment of an order back; the compensation of taking it."""

from typing import Any

from lambdas.contracts.payments import RefundPayment
from lambdas.payments.charging import refund
from lambdas.payments.provider import provider
from lambdas.payments.store import store
from lambdas.runtime.log import log


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Carry out a RefundPayment; raises ContractError when the event is none."""
    command = RefundPayment.decode(event)
    charge = refund(command, store(), provider())
    log("payment_refunded", order_id=charge.order_id, state=charge.state)
    return {"order_id": charge.order_id, "state": charge.state}

"""The provider's API: charges a card under a key, and refunds a charge.

    {"operation": "charge", "key", "customer_id", "amount", "currency"}
        → {"state": "CHARGED" | "DECLINED" | "VOIDED", "explanation"}
    {"operation": "refund", "key"} → {"state": "REFUNDED" | "DECLINED" | "VOIDED"}

Both are idempotent by key: a repeated request has the same response as the first. ``faults``
describes how failures are injected.
"""

from typing import Any

from lambdas.contracts.codec import decode
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from simulators.card_provider.domain import (
    Charge,
    Refund,
    decide_charge,
    repeat_charge,
    to_response,
)
from simulators.card_provider.faults import fault_for
from simulators.card_provider.store import record_charge, record_refund


class UnknownOperationError(Exception):
    """The operation is neither ``charge`` nor ``refund``."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Charge a card or refund a charge, as ``operation`` says; return the response.

    Raises:
        UnknownOperationError, ContractError, KeyReusedError: the request is invalid.
        InjectedFaultError: FAULTS injects a failure.
    """
    request: Charge | Refund
    match event.get("operation"):
        case "charge":
            request = decode(Charge, event)
        case "refund":
            request = decode(Refund, event)
        case other:
            raise UnknownOperationError(f"{other!r} is neither charge nor refund")
    fault = fault_for(event["operation"], request.key)
    fault.trigger("before")
    response = _charge(request) if isinstance(request, Charge) else _refund(request)
    log(
        "card_provider_answered",
        operation=event["operation"],
        key=request.key,
        state=response["state"],
    )
    fault.trigger("after")
    return response


def _charge(charge: Charge) -> dict[str, str]:
    record = decide_charge(charge, int(setting("CHARGE_LIMIT")))
    known = record_charge(setting("CHARGES_TABLE"), charge, record)
    return to_response(record if known is None else repeat_charge(charge, known))


def _refund(refund: Refund) -> dict[str, str]:
    return {"state": record_refund(setting("CHARGES_TABLE"), refund.key)}

"""The provider's API: charges a card under a key, refunds a charge, and reports disputes.

    {"operation": "charge", "key", "customer_id", "amount", "currency"}
        → {"state": "CHARGED" | "DECLINED" | "VOIDED", "explanation"}
    {"operation": "refund", "key"}
        → {"state": "REFUNDED" | "DECLINED" | "VOIDED" | "DISPUTED" | "CHARGED_BACK"}
    {"operation": "dispute", "key"}, {"operation": "decide", "key", "won"} → {"state"}

They are idempotent by key: a repeated request has the same response as the first. The last two are
the card company's own. A disputed charge is not refunded. If the shop loses, it is CHARGED_BACK:
the cardholder has the money, and a refund moves none. ``faults`` describes how failures are
injected.
"""

from collections.abc import Mapping
from typing import Any

from lambdas.contracts.codec import decode
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting, whole_number
from simulators.card_provider.domain import (
    Charge,
    Decision,
    Dispute,
    Refund,
    State,
    decide_charge,
    repeat_charge,
    to_response,
)
from simulators.card_provider.faults import fault_for
from simulators.card_provider.store import record_charge, record_move, record_refund

Request = Charge | Refund | Dispute | Decision
REQUESTS: Mapping[str, type[Request]] = {
    "charge": Charge,
    "refund": Refund,
    "dispute": Dispute,
    "decide": Decision,
}


class UnknownOperationError(Exception):
    """The operation is none of the API's."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Do what ``operation`` says; return the response.

    Raises:
        UnknownOperationError, ContractError, KeyReusedError: the request is invalid.
        InjectedFaultError: FAULTS injects a failure.
    """
    operation = event.get("operation", "")
    if operation not in REQUESTS:
        raise UnknownOperationError(f"{operation!r} is none of {', '.join(REQUESTS)}")
    request = decode(REQUESTS[operation], event)
    fault = fault_for(event["operation"], request.key)
    fault.trigger("before")
    response = _answer(request)
    log(
        "card_provider_answered",
        operation=event["operation"],
        key=request.key,
        state=response["state"],
    )
    fault.trigger("after")
    return response


def _answer(request: Request) -> dict[str, str]:
    table = setting("CHARGES_TABLE")
    match request:
        case Charge():
            return _charge(request)
        case Refund():
            return {"state": record_refund(table, request.key)}
        case Dispute():
            before, after = State.CHARGED, State.DISPUTED
        case Decision():
            before, after = State.DISPUTED, State.CHARGED if request.won else State.CHARGED_BACK
    return {"state": record_move(table, request.key, before=before, after=after) or "UNKNOWN"}


def _charge(charge: Charge) -> dict[str, str]:
    record = decide_charge(charge, whole_number("CHARGE_LIMIT"))
    known = record_charge(setting("CHARGES_TABLE"), charge, record)
    return to_response(record if known is None else repeat_charge(charge, known))

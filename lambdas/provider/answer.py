"""The provider's API: charge a card under a key, and give a charge back.

    {"operation": "charge", "key", "customer_id", "amount", "currency"}
        → {"state": "CHARGED" | "DECLINED" | "VOIDED", "explanation"}
    {"operation": "refund", "key"} → {"state": "REFUNDED" | "DECLINED" | "VOIDED"}

Both are idempotent by key: asked again, they answer again what they answered first.
"""

from typing import Any

from lambdas.contracts.codec import decode
from lambdas.provider.domain import Charge, Refund, first_answer, repeated_answer, wire
from lambdas.provider.store import record_charge, record_refund
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting


class UnknownOperationError(Exception):
    """The provider knows ``charge`` and ``refund``."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer a request; raises UnknownOperationError, ContractError or KeyReusedError."""
    match event.get("operation"):
        case "charge":
            answer = _charge(decode(Charge, event))
        case "refund":
            answer = {"state": record_refund(setting("CHARGES_TABLE"), decode(Refund, event).key)}
        case other:
            raise UnknownOperationError(f"{other!r} is neither charge nor refund")
    log("card provider", operation=event["operation"], key=event["key"], state=answer["state"])
    return answer


def _charge(charge: Charge) -> dict[str, str]:
    record = first_answer(charge, int(setting("CHARGE_LIMIT")))
    known = record_charge(setting("CHARGES_TABLE"), charge, record)
    return wire(record if known is None else repeated_answer(charge, known))

"""Disputes as the card company reports them. The data are external, so each field is checked."""

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from lambdas.contracts.codec import ContractError, decode
from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.contracts.partner import DISPUTE_OPENED, DisputeOpened
from lambdas.contracts.payments import PaymentDisputed
from lambdas.contracts.times import reformat_time

IDENTIFIER = re.compile("[A-Za-z0-9_.:-]{1,64}")
"""The allowed characters of each field: customers and operators read them."""


def translate_dispute(event: Mapping[str, Any]) -> EventEnvelope[PaymentDisputed]:
    """Translate the company's event, as EventBridge delivers it, into PaymentDisputed.

    Every report of the same dispute has the same event id.

    Raises:
        ContractError: it is no event of this type, its time is of another century, or fields are
            missing or bad: each is named.
    """
    if (kind := event.get("detail-type")) != DISPUTE_OPENED:
        raise ContractError(DisputeOpened.__name__, [f"its detail-type is {kind!r}"])
    dispute = _parse_opened(event["detail"])
    return envelope(
        PaymentDisputed(
            # The key of a charge is the order's id.
            order_id=dispute.payment_key,
            dispute_id=dispute.dispute_id,
            reason=dispute.reason,
        ),
        subject=f"dispute/{dispute.dispute_id}",
        sequence=1,
        correlation_id=dispute.payment_key,
        causation_id=event["id"],
        occurred_at=_parse_time(event["time"]),
    )


def _parse_time(text: str) -> str:
    """Return the event's time, which the company sets, in our format."""
    try:
        return reformat_time(text)
    except ValueError as problem:
        raise ContractError(DisputeOpened.__name__, [f"time {problem}"]) from None


def _parse_opened(detail: Mapping[str, Any]) -> DisputeOpened:
    problems = [
        f"{field.name} must be 1 to 64 letters, digits or any of _.:-"
        for field in fields(DisputeOpened)
        if isinstance(value := detail.get(field.name), str) and not IDENTIFIER.fullmatch(value)
    ]
    try:
        dispute = decode(DisputeOpened, detail)
    except ContractError as bad:
        raise ContractError(DisputeOpened.__name__, [*bad.problems, *problems]) from None
    if problems:
        raise ContractError(DisputeOpened.__name__, problems)
    return dispute

"""The rules by which the stand-in answers."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What became of a key. A VOIDED key was given back before it was ever charged."""

    CHARGED = "CHARGED"
    DECLINED = "DECLINED"
    REFUNDED = "REFUNDED"
    VOIDED = "VOIDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What a caller asks for: ``amount`` is in minor units of ``currency``."""

    key: str
    customer_id: str
    amount: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """What a caller asks for to have a charge given back, or made impossible."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the provider knows of a key; a VOIDED one that was never charged has no amount."""

    state: State
    amount: int | None
    currency: str | None
    explanation: str


class KeyReusedError(Exception):
    """A key came back with another amount: it is no repetition but a defect of the caller."""


def decide_charge(charge: Charge, limit: int) -> Record:
    """Decide about a charge under a new key: above ``limit`` (minor units) it is declined."""
    declined = charge.amount > limit
    return Record(
        state=State.DECLINED if declined else State.CHARGED,
        amount=charge.amount,
        currency=charge.currency,
        explanation="above the card's limit" if declined else "",
    )


def repeat_charge(charge: Charge, record: Record) -> Record:
    """What is on record already for the charge's key; raises KeyReusedError."""
    asked = (charge.amount, charge.currency)
    if record.state is not State.VOIDED and (record.amount, record.currency) != asked:
        raise KeyReusedError(f"key {charge.key} was used for {record.amount} {record.currency}")
    return record


def to_response(record: Record) -> dict[str, str]:
    """The answer to a charge, as callers see it.

    A charge that was given back counts as voided: asking for it again takes no money.
    """
    state = State.VOIDED if record.state is State.REFUNDED else record.state
    return {"state": state, "explanation": record.explanation}

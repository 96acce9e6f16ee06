"""The card provider's rules: which charges it declines, and how it answers repeated requests."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """The state of a key. VOIDED means: refunded before it was charged.

    DISPUTED is CHARGED, with a dispute that is not decided. A lost one leads to CHARGED_BACK: the
    cardholder has the money.
    """

    CHARGED = "CHARGED"
    DECLINED = "DECLINED"
    REFUNDED = "REFUNDED"
    VOIDED = "VOIDED"
    DISPUTED = "DISPUTED"
    CHARGED_BACK = "CHARGED_BACK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """A request for a charge; ``amount`` is in minor units of ``currency``."""

    key: str
    customer_id: str
    amount: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A request to refund a charge.

    An unknown key is voided, so that it cannot be charged later.
    """

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """The report that a cardholder disputes a charge, which only the card company makes."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The card company's decision of a dispute: ``won`` says whether the shop keeps the money."""

    key: str
    won: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The provider's record of a key; a VOIDED key that was never charged has no amount."""

    state: State
    amount: int | None
    currency: str | None
    explanation: str


class KeyReusedError(Exception):
    """A key was used again with another amount. The caller is defective."""


def decide_charge(charge: Charge, limit: int) -> Record:
    """Return the record of a charge under a new key: DECLINED if the amount is above ``limit``."""
    declined = charge.amount > limit
    return Record(
        state=State.DECLINED if declined else State.CHARGED,
        amount=charge.amount,
        currency=charge.currency,
        explanation="above the card's limit" if declined else "",
    )


def repeat_charge(charge: Charge, record: Record) -> Record:
    """Return the existing record of the key; raise KeyReusedError if the amount differs."""
    requested = (charge.amount, charge.currency)
    if record.state is not State.VOIDED and (record.amount, record.currency) != requested:
        raise KeyReusedError(f"key {charge.key} was used for {record.amount} {record.currency}")
    return record


def to_response(record: Record) -> dict[str, str]:
    """Return the response to a request for a charge.

    A charge that was given back is reported as VOIDED: repeating the request takes no money.
    """
    state = {
        State.REFUNDED: State.VOIDED,
        State.CHARGED_BACK: State.VOIDED,
        State.DISPUTED: State.CHARGED,
    }.get(record.state, record.state)
    return {"state": state, "explanation": record.explanation}

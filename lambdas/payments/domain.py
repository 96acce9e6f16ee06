"""Charges, what may become of them, and what the ledger says about it.

A charge is the payment of one order. Its state only ever moves forward:

    PENDING → TAKEN or DECLINED → REFUNDED,  PENDING → REFUNDED

REFUNDED is the end: nothing more is taken for the order. With no amount it is a tombstone, left by
a refund that came before there was anything to refund.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from lambdas.contracts.event import EventEnvelope, envelope
from lambdas.contracts.payments import (
    ChargeUnresolved,
    PaymentAlreadyRefunded,
    PaymentDeclined,
    PaymentRefunded,
    PaymentTaken,
    RefundPayment,
    TakePayment,
)
from lambdas.contracts.values import Money

PROVIDER_ACCOUNT = "card-provider"
"""What the card provider has collected for us and owes us."""


_CUSTOMER_PREFIX = "customer/"
LedgerEvent = EventEnvelope[PaymentTaken | PaymentRefunded]
"""An event that the service tells."""


def customer_account(customer_id: str) -> str:
    """The account of what a customer has paid us and we owe them goods for."""
    return f"{_CUSTOMER_PREFIX}{customer_id}"


class State(StrEnum):
    """Where a charge stands; the module says which moves there are."""

    PENDING = "PENDING"
    TAKEN = "TAKEN"
    DECLINED = "DECLINED"
    REFUNDED = "REFUNDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """The payment of one order; a tombstone has neither customer nor total."""

    order_id: str
    customer_id: str = ""
    total: Money | None = None
    state: State
    explanation: str = ""

    @property
    def is_closed(self) -> bool:
        """Whether no money is held for the order, or asked for, and none will be."""
        return self.state in (State.DECLINED, State.REFUNDED)


class Kind(StrEnum):
    """What an entry records; the ledger holds at most one of each kind for an order."""

    CHARGE = "CHARGE"
    REFUND = "REFUND"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of the ledger: ``amount``, which is positive, moves from ``credit`` to ``debit``.

    Both sides are in the one line, so the ledger cannot but balance.
    """

    order_id: str
    kind: Kind
    debit: str
    credit: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Charged:
    """The provider took the money."""


@dataclass(frozen=True, slots=True)
class Declined:
    """The provider refused to take the money; ``explanation`` is for people."""

    explanation: str


@dataclass(frozen=True, slots=True)
class Voided:
    """The provider was told to give this charge back: no money is held, none will be taken."""


ChargeResult = Charged | Declined | Voided


class TotalMismatchError(Exception):
    """An order's payment was asked for again with another total: a defect of the caller."""


def pending_charge(command: TakePayment) -> Charge:
    """The charge as it stands before the provider is called."""
    return Charge(
        order_id=command.order_id,
        customer_id=command.customer_id,
        total=command.total,
        state=State.PENDING,
    )


def tombstone(order_id: str) -> Charge:
    """What a refund leaves behind that finds no charge, so that none can be taken later."""
    return Charge(order_id=order_id, state=State.REFUNDED)


def apply_result(charge: Charge, result: ChargeResult) -> Charge:
    """What becomes of a pending charge by the provider's answer."""
    match result:
        case Charged():
            return replace(charge, state=State.TAKEN)
        case Declined(explanation):
            return replace(charge, state=State.DECLINED, explanation=explanation)
        case Voided():
            return mark_refunded(charge)


def mark_refunded(charge: Charge) -> Charge:
    """The charge after its refund."""
    return replace(charge, state=State.REFUNDED)


def posting(before: Charge, after: Charge) -> Entry | None:
    """What the ledger says about a charge's move; None where no money moved."""
    if after.total is None:
        return None
    customer = customer_account(after.customer_id)
    match before.state, after.state:
        case State.PENDING, State.TAKEN:
            kind, debit, credit = Kind.CHARGE, PROVIDER_ACCOUNT, customer
        case State.TAKEN, State.REFUNDED:
            kind, debit, credit = Kind.REFUND, customer, PROVIDER_ACCOUNT
        case _:
            return None
    return Entry(order_id=after.order_id, kind=kind, debit=debit, credit=credit, amount=after.total)


def event_for_entry(entry: Entry, posted_at: datetime) -> LedgerEvent:
    """What to tell the others of an entry that was posted at ``posted_at``.

    An entry is one event, and it is always the same: the charge is its order's first, the refund
    the second.
    """
    event: type[PaymentTaken | PaymentRefunded]
    cause: type[TakePayment | RefundPayment]
    match entry.kind:
        case Kind.CHARGE:
            event, sequence, cause, account = PaymentTaken, 1, TakePayment, entry.credit
        case Kind.REFUND:
            event, sequence, cause, account = PaymentRefunded, 2, RefundPayment, entry.debit
    return envelope(
        event(
            order_id=entry.order_id,
            customer_id=account.removeprefix(_CUSTOMER_PREFIX),
            total=entry.amount,
        ),
        subject=entry.order_id,
        sequence=sequence,
        correlation_id=entry.order_id,
        causation_id=f"{cause.__name__}/{entry.order_id}",
        occurred_at=posted_at.astimezone(UTC).isoformat(),
    )


def charge_unresolved(
    order_id: str, *, query_number: int, now: datetime
) -> EventEnvelope[ChargeUnresolved]:
    """Ask for the time ``query_number`` what became of an order whose charge is not settled."""
    return envelope(
        ChargeUnresolved(order_id=order_id),
        subject=f"charge:{order_id}",
        sequence=query_number,
        correlation_id=order_id,
        causation_id=f"{TakePayment.__name__}/{order_id}",
        occurred_at=now.astimezone(UTC).isoformat(),
    )


def check_total(charge: Charge, command: TakePayment) -> None:
    """Raise TotalMismatchError when the charge on record is for another amount than the command."""
    if charge.total is not None and charge.total != command.total:
        raise TotalMismatchError(
            f"order {charge.order_id} is charged {charge.total}, now asked for {command.total}"
        )


def check_taken(charge: Charge) -> None:
    """Return when the charge is taken.

    Raises:
        PaymentDeclined: with the provider's explanation.
        PaymentAlreadyRefunded: the order's payment was given back, or was never to be taken.
    """
    if charge.state is State.DECLINED:
        raise PaymentDeclined(charge.explanation)
    if charge.state is State.REFUNDED:
        raise PaymentAlreadyRefunded(f"the payment of order {charge.order_id} was refunded")

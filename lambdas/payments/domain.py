"""Charges, their states, and the entries and events that follow from a change of state.

A charge is the payment of one order. Its state only ever moves forward:

  PENDING → TAKEN or DECLINED → REFUNDED,  PENDING → REFUNDED

REFUNDED is final: nothing more is taken for the order. A refunded charge without an amount is a
tombstone: the refund came before there was a charge.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.contracts.payments import (
    ChargeUnresolved,
    PaymentAlreadyRefunded,
    PaymentDeclined,
    PaymentRefunded,
    PaymentTaken,
    RefundPayment,
    TakePayment,
)
from lambdas.contracts.times import format_time
from lambdas.contracts.values import Money

PROVIDER_ACCOUNT = "card-provider"
"""The account of what the card provider has collected for us and owes us."""
_CUSTOMER_PREFIX = "customer/"
LedgerEvent = EventEnvelope[PaymentTaken | PaymentRefunded]
"""The event of a ledger entry."""


def customer_account(customer_id: str) -> str:
    """Return the name of a customer's account: what was paid for goods not yet delivered."""
    return f"{_CUSTOMER_PREFIX}{customer_id}"


class State(StrEnum):
    """The state of a charge; the module's docstring has the transitions."""

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
        """Whether the charge is final and without money: declined or refunded."""
        return self.state in (State.DECLINED, State.REFUNDED)


class Kind(StrEnum):
    """The kind of a ledger entry. An order has at most one entry of each kind."""

    CHARGE = "CHARGE"
    REFUND = "REFUND"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of the ledger: ``amount``, which is positive, moves from ``credit`` to ``debit``.

    Both sides are in one line, so debits always equal credits.
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
    """The provider declined the charge; ``explanation`` is a text for people."""

    explanation: str


@dataclass(frozen=True, slots=True)
class Voided:
    """The key was refunded before: the provider holds no money and will take none."""


ChargeResult = Charged | Declined | Voided


class TotalMismatchError(Exception):
    """A TakePayment was repeated with another total. The caller is defective."""


def pending_charge(command: TakePayment) -> Charge:
    """Return the charge as it is recorded before the provider is called."""
    return Charge(
        order_id=command.order_id,
        customer_id=command.customer_id,
        total=command.total,
        state=State.PENDING,
    )


def tombstone(order_id: str) -> Charge:
    """Return the record of a refund without a charge. It prevents a later charge."""
    return Charge(order_id=order_id, state=State.REFUNDED)


def apply_result(charge: Charge, result: ChargeResult) -> Charge:
    """Return a pending charge after the provider's result."""
    match result:
        case Charged():
            return replace(charge, state=State.TAKEN)
        case Declined(explanation):
            return replace(charge, state=State.DECLINED, explanation=explanation)
        case Voided():
            return mark_refunded(charge)


def mark_refunded(charge: Charge) -> Charge:
    """Return the charge after its refund."""
    return replace(charge, state=State.REFUNDED)


def posting(before: Charge, after: Charge) -> Entry | None:
    """Return the ledger entry of a charge's transition; None if no money moved."""
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
    """Return the event of an entry that was posted at ``posted_at``.

    It is the same at every call: the charge is the order's first event, the refund the second.
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
        occurred_at=format_time(posted_at),
    )


def charge_unresolved(
    order_id: str, *, query_number: int, now: datetime
) -> EventEnvelope[ChargeUnresolved]:
    """Return the event that queries an order's status. ``query_number`` counts queries from 1."""
    return envelope(
        ChargeUnresolved(order_id=order_id),
        subject=f"charge:{order_id}",
        sequence=query_number,
        correlation_id=order_id,
        causation_id=f"{TakePayment.__name__}/{order_id}",
        occurred_at=format_time(now),
    )


def check_total(charge: Charge, command: TakePayment) -> None:
    """Raise TotalMismatchError if the recorded charge has another total than the command."""
    if charge.total is not None and charge.total != command.total:
        raise TotalMismatchError(
            f"order {charge.order_id} has a charge of {charge.total}, not {command.total}"
        )


def check_taken(charge: Charge) -> None:
    """Check that the charge is taken.

    Raises:
        PaymentDeclined: the charge was declined; the message is the provider's explanation.
        PaymentAlreadyRefunded: the order's payment was refunded, perhaps before it was taken.
    """
    if charge.state is State.DECLINED:
        raise PaymentDeclined(charge.explanation)
    if charge.state is State.REFUNDED:
        raise PaymentAlreadyRefunded(f"the payment of order {charge.order_id} was refunded")

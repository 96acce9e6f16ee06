"""What the payments service tells, what it is asked, and how it refuses."""

from dataclasses import dataclass
from typing import ClassVar

from lambdas.contracts.event import Command, Event, Refusal
from lambdas.contracts.values import Money

SOURCE = "com.aws.payments"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentTaken(Event):
    """The order's payment was taken and stands in the ledger; the first event of its order."""

    source: ClassVar = SOURCE
    detail_type: ClassVar = "PaymentTaken"
    version: ClassVar = 1

    order_id: str
    customer_id: str
    total: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRefunded(Event):
    """The payment that was taken for the order was given back, all of it.

    It always follows a PaymentTaken: where nothing was taken, nothing is told.
    """

    source: ClassVar = SOURCE
    detail_type: ClassVar = "PaymentRefunded"
    version: ClassVar = 1

    order_id: str
    customer_id: str
    total: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentDisputed(Event):
    """The cardholder disputes the order's payment, as the card company tells; the only event of it.

    Its subject is the dispute, of which an order may have several. ``reason`` is the company's.
    """

    source: ClassVar = SOURCE
    detail_type: ClassVar = "PaymentDisputed"
    version: ClassVar = 1

    order_id: str
    dispute_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeUnresolved(Event):
    """An order's payment is taken or under way, and nothing was heard of the order for long.

    It asks what became of the order. The subject is ``charge:<order_id>``, and the sequence counts
    how often it was asked.
    """

    source: ClassVar = SOURCE
    detail_type: ClassVar = "ChargeUnresolved"
    version: ClassVar = 1

    order_id: str


ORDER_EVENTS: tuple[type[Event], ...] = (PaymentTaken, PaymentRefunded)
"""What is told of an order's payment; the subject of each is the order."""
EVENTS: tuple[type[Event], ...] = (*ORDER_EVENTS, PaymentDisputed, ChargeUnresolved)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakePayment(Command):
    """Charge the customer for an order, once."""

    order_id: str
    customer_id: str
    total: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundPayment(Command):
    """Give the order's payment back; the compensation of TakePayment."""

    order_id: str


class PaymentDeclined(Refusal):
    """The card provider declined the charge."""


class PaymentAlreadyRefunded(Refusal):
    """The order's payment was refunded already: a late TakePayment changes nothing."""

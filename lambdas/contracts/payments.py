"""The events, commands and refusals of the payments service."""

from dataclasses import dataclass
from typing import ClassVar

from lambdas.contracts.commands import Command, Refusal
from lambdas.contracts.event import Event
from lambdas.contracts.values import Identifier, Money

SOURCE = "com.aws.payments"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentTaken(Event):
    """The order's payment was taken and is in the ledger.

    This is the first event of the payment.
    """

    source: ClassVar = SOURCE
    version: ClassVar = 1

    order_id: Identifier
    customer_id: Identifier
    total: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRefunded(Event):
    """The order's payment was refunded in full.

    It always follows a PaymentTaken: where nothing was taken, no event is published.
    """

    source: ClassVar = SOURCE
    version: ClassVar = 1

    order_id: Identifier
    customer_id: Identifier
    total: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentDisputed(Event):
    """The card company reports that the cardholder disputes the order's payment.

    The subject is the dispute, and this is its only event; an order may have several disputes.
    ``reason`` is the card company's.
    """

    source: ClassVar = SOURCE
    version: ClassVar = 1
    subject_field: ClassVar = ""

    order_id: Identifier
    dispute_id: Identifier
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeUnresolved(Event):
    """An order's payment is taken or pending, and no event of the order has come for a long time.

    This event queries the order's status. The subject is ``charge:<order_id>``, and the sequence
    counts the queries.
    """

    source: ClassVar = SOURCE
    version: ClassVar = 1
    subject_field: ClassVar = ""

    order_id: Identifier


ORDER_EVENTS: tuple[type[Event], ...] = (PaymentTaken, PaymentRefunded)
"""The events of an order's payment; the subject of each is the order."""
EVENTS: tuple[type[Event], ...] = (*ORDER_EVENTS, PaymentDisputed, ChargeUnresolved)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakePayment(Command):
    """Charge the customer for an order, once."""

    order_id: Identifier
    customer_id: Identifier
    total: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundPayment(Command):
    """Refund the order's payment; the compensation of TakePayment."""

    order_id: Identifier


class PaymentDeclined(Refusal):
    """The card provider declined the charge."""


class PaymentAlreadyRefunded(Refusal):
    """The order's payment was refunded already: a late TakePayment changes nothing."""

"""What the payments service is asked, and how it refuses."""

from dataclasses import dataclass

from lambdas.contracts.event import Command, Event, Refusal
from lambdas.contracts.values import Money

SOURCE = "com.aws.payments"
EVENTS: tuple[type[Event], ...] = ()


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


class PaymentRefunded(Refusal):
    """The order's payment was refunded already: a late TakePayment changes nothing."""

"""What the orders service tells."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lambdas.contracts.event import Command, Event, parse_event
from lambdas.contracts.values import Money, PricedLine

SOURCE = "com.aws.orders"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlaced(Event):
    """A customer's order was accepted. The fulfilment saga begins here."""

    source: ClassVar = SOURCE
    detail_type: ClassVar = "OrderPlaced"
    version: ClassVar = 1

    order_id: str
    customer_id: str
    lines: tuple[PricedLine, ...]
    total: Money
    country: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderConfirmed(Event):
    """Stock is reserved, the payment taken, the shipment booked: the promise to the customer."""

    source: ClassVar = SOURCE
    detail_type: ClassVar = "OrderConfirmed"
    version: ClassVar = 1

    order_id: str
    customer_id: str
    lines: tuple[PricedLine, ...]
    total: Money
    country: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRejected(Event):
    """The order cannot be fulfilled, and all that was done for it is undone.

    ``reason`` is the name of a refusal, or ``TechnicalFailure``; ``explanation`` is for customers.
    """

    source: ClassVar = SOURCE
    detail_type: ClassVar = "OrderRejected"
    version: ClassVar = 1

    order_id: str
    customer_id: str
    reason: str
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderWithdrawn(Event):
    """A confirmed order was cancelled. The withdrawal saga begins here."""

    source: ClassVar = SOURCE
    detail_type: ClassVar = "OrderWithdrawn"
    version: ClassVar = 1

    order_id: str
    customer_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled(Event):
    """The order was cancelled, and all that was done for it is undone."""

    source: ClassVar = SOURCE
    detail_type: ClassVar = "OrderCancelled"
    version: ClassVar = 1

    order_id: str
    customer_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDispatched(Event):
    """The order is on its way: it can no longer be cancelled, and a wish to do so has lapsed."""

    source: ClassVar = SOURCE
    detail_type: ClassVar = "OrderDispatched"
    version: ClassVar = 1

    order_id: str
    customer_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderNeedsAttention(Event):
    """Something that was done for the order could not be undone; a person has to finish it.

    ``failed_compensations`` names the compensations that wait on the repair queue.
    """

    source: ClassVar = SOURCE
    detail_type: ClassVar = "OrderNeedsAttention"
    version: ClassVar = 1

    order_id: str
    customer_id: str
    failed_compensations: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkCompensationCompleted(Command):
    """A compensation that waited on the repair queue has succeeded; without one, just look."""

    order_id: str
    compensation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderHeld(Event):
    """The order stays until the hold is lifted, whatever else happens to it: it does not leave.

    A person has to see to it: to lift the hold, or to have the order cancelled. ``reason`` is a
    name, such as ``PaymentDisputed``, ``explanation`` is for customers. The event that caused
    it, by which the hold is lifted, is the metadata's ``causation_id``.
    """

    source: ClassVar = SOURCE
    detail_type: ClassVar = "OrderHeld"
    version: ClassVar = 1

    order_id: str
    customer_id: str
    reason: str
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderHoldLifted(Event):
    """The last hold of the order was lifted, this one: nothing keeps it any more."""

    source: ClassVar = SOURCE
    detail_type: ClassVar = "OrderHoldLifted"
    version: ClassVar = 1

    order_id: str
    customer_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderHoldMissed(Event):
    """What was to hold the order came too late; a person has to see to it.

    ``state`` is what the order is instead: on its way, over, or being undone.
    """

    source: ClassVar = SOURCE
    detail_type: ClassVar = "OrderHoldMissed"
    version: ClassVar = 1

    order_id: str
    customer_id: str
    reason: str
    explanation: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStatusReported(Event):
    """The answer to a service that asked what became of an order: its state as it is now.

    The subject is the question's event id, and this is its only event: a question that comes twice
    is answered twice, under one id, each time with the state of that moment.
    """

    source: ClassVar = SOURCE
    detail_type: ClassVar = "OrderStatusReported"
    version: ClassVar = 1

    order_id: str
    state: str

    @property
    def is_undone(self) -> bool:
        """Whether nothing may be left of the order, now and for ever."""
        return self.state in ("REJECTED", "CANCELLED")

    @property
    def is_confirmed(self) -> bool:
        """Whether what was done for the order is to stay; undoing it later is a saga's work."""
        return self.state in ("CONFIRMED", "DISPATCHED")


ORDER_EVENTS = (
    OrderPlaced,
    OrderConfirmed,
    OrderRejected,
    OrderWithdrawn,
    OrderCancelled,
    OrderDispatched,
    OrderNeedsAttention,
    OrderHeld,
    OrderHoldLifted,
    OrderHoldMissed,
)
"""What is told of an order, which is the subject of each; together its sequence has no gaps."""
EVENTS = (*ORDER_EVENTS, OrderStatusReported)
STATUS_EVENTS: tuple[type[OrderConfirmed | OrderStatusReported], ...] = (
    OrderConfirmed,
    OrderStatusReported,
)
"""What says, to whoever holds something for an order, whether it is to stay."""


def parse_order_status(event: Mapping[str, Any]) -> OrderStatusReported:
    """What a delivered event of ``STATUS_EVENTS`` says of its order.

    Raises:
        ContractError: it is none of them, or does not fit.
    """
    reported = parse_event(STATUS_EVENTS, event).data
    if isinstance(reported, OrderStatusReported):
        return reported
    return OrderStatusReported(order_id=reported.order_id, state="CONFIRMED")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftHold(Command):
    """Lift the hold of an order that this ``cause`` asked for; an operator's to give."""

    order_id: str
    cause: str

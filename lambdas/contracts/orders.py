"""The contracts of the orders service: its events and its commands."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lambdas.contracts.commands import CANCELLED, Command
from lambdas.contracts.event import Event
from lambdas.contracts.order_states import FULFILLED_STATES, UNDONE_STATES, OrderState
from lambdas.contracts.parsing import parse_event
from lambdas.contracts.values import Country, Identifier, Money, PricedLines

SOURCE = "com.aws.orders"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlaced(Event):
    """A customer's order was accepted. This event starts the fulfilment saga."""

    source: ClassVar = SOURCE
    version: ClassVar = 1

    order_id: Identifier
    customer_id: Identifier
    lines: PricedLines
    total: Money
    country: Country


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderConfirmed(Event):
    """Stock is reserved, the payment taken, the shipment booked: the order will be delivered."""

    source: ClassVar = SOURCE
    version: ClassVar = 1

    order_id: Identifier
    customer_id: Identifier
    lines: PricedLines
    total: Money
    country: Country


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRejected(Event):
    """The order cannot be fulfilled, and every completed step is undone.

    ``reason`` is the name of a refusal, or ``TechnicalFailure``; ``explanation`` is for customers.
    """

    source: ClassVar = SOURCE
    version: ClassVar = 1

    order_id: Identifier
    customer_id: Identifier
    reason: str
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderWithdrawn(Event):
    """A confirmed order was cancelled. This event starts the withdrawal saga."""

    source: ClassVar = SOURCE
    version: ClassVar = 1

    order_id: Identifier
    customer_id: Identifier


DUPLICATE = "DuplicateOrder"
"""The reason when an order is held or cancelled because it repeats an earlier one."""
DISPUTED = "PaymentDisputed"
"""The reason when an order is held, or cancelled, because its payment is disputed."""
CANCELLATION_EXPLANATIONS: Mapping[str, str] = {
    CANCELLED: "it was cancelled at your request",
    DUPLICATE: "it repeats an earlier order",
    DISPUTED: "its payment was disputed",
}
"""By reason, the explanation for customers. No text that somebody wrote is published."""


def explain_cancellation(reason: str) -> str:
    """Return the explanation for customers that belongs to a reason; empty if it has none."""
    return CANCELLATION_EXPLANATIONS.get(reason, "")


def _add_empty_reason(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Upcast from version 1, which had no reason: reason and explanation are empty."""
    return {**data, "reason": "", "explanation": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled(Event):
    """The order was cancelled, and every completed step is undone.

    ``reason`` is a name, such as ``DuplicateOrder``; ``explanation`` is for customers, and follows
    from the reason. Both are empty for an event that was published in version 1.
    """

    source: ClassVar = SOURCE
    version: ClassVar = 2
    upcasters: ClassVar = {1: _add_empty_reason}

    order_id: Identifier
    customer_id: Identifier
    reason: str
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDispatched(Event):
    """The order's shipment was dispatched. The order can no longer be cancelled.

    A cancellation that was requested and not yet done has no effect.
    """

    source: ClassVar = SOURCE
    version: ClassVar = 1

    order_id: Identifier
    customer_id: Identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderNeedsAttention(Event):
    """The order makes no progress; an operator has to look at it.

    ``failed_compensations`` names the compensations that failed for good and wait in the repair
    queue. Otherwise ``waits_for`` names what the order has waited for, for too long.
    """

    source: ClassVar = SOURCE
    version: ClassVar = 1

    order_id: Identifier
    customer_id: Identifier
    failed_compensations: tuple[str, ...]
    waits_for: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkCompensationCompleted(Command):
    """Record that a failed compensation in the repair queue was done after all."""

    order_id: Identifier
    compensation: str | None = None
    """None changes nothing: the command then only returns how the order stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeOrder(Command):
    """Resume a deferred order at once. Operators send this."""

    order_id: Identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderHeld(Event):
    """The order must not be dispatched until the hold is lifted.

    A person lifts the hold or has the order cancelled. ``reason`` is a name, such as
    ``PaymentDisputed``; ``explanation`` is for customers. The metadata's ``causation_id`` is the id
    of the event that caused the hold: the hold is lifted by that id.
    """

    source: ClassVar = SOURCE
    version: ClassVar = 1

    order_id: Identifier
    customer_id: Identifier
    reason: str
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderHoldLifted(Event):
    """The last hold of the order was lifted, so it may be dispatched."""

    source: ClassVar = SOURCE
    version: ClassVar = 1

    order_id: Identifier
    customer_id: Identifier
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderHoldMissed(Event):
    """A hold was requested too late; an operator has to act.

    ``state`` is the order's state: dispatched, ended, or being undone.
    """

    source: ClassVar = SOURCE
    version: ClassVar = 1

    order_id: Identifier
    customer_id: Identifier
    reason: str
    explanation: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStatusReported(Event):
    """The answer to a service's status query: the order's state at that moment.

    The subject is made of the query's event id and the state, and has this one event. If a query is
    redelivered, the answer has the same event id unless the state has changed.
    """

    source: ClassVar = SOURCE
    version: ClassVar = 1
    subject_field: ClassVar = ""

    order_id: Identifier
    state: str

    @property
    def is_undone(self) -> bool:
        """Whether everything that was done for the order has to be undone."""
        return self.state in UNDONE_STATES

    @property
    def is_confirmed(self) -> bool:
        """Whether the order is confirmed, so that what was done for it stays.

        Only a saga may undo it.
        """
        return self.state in FULFILLED_STATES


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
"""The events whose subject is an order. Together they make a sequence without gaps."""
EVENTS = (*ORDER_EVENTS, OrderStatusReported)
STATUS_EVENTS: tuple[type[OrderConfirmed | OrderStatusReported], ...] = (
    OrderConfirmed,
    OrderStatusReported,
)
"""The events from which another service learns whether its work for an order stays."""


def parse_order_status(event: Mapping[str, Any]) -> OrderStatusReported:
    """Return the order status in a delivered event, which is one of ``STATUS_EVENTS``.

    Raises:
        ContractError: the event is none of them, or does not match its contract.
    """
    reported = parse_event(STATUS_EVENTS, event).data
    if isinstance(reported, OrderStatusReported):
        return reported
    return OrderStatusReported(order_id=reported.order_id, state=OrderState.CONFIRMED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftHold(Command):
    """Lift one hold of an order, or cancel the order because of it. Operators send this."""

    order_id: Identifier
    cause: str
    """The id of the event that caused the hold."""
    cancel: bool = False
    """Cancel the order. The hold stays, so that nothing leaves meanwhile."""

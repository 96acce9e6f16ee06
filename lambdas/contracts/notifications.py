"""The events of the notifications service."""

from dataclasses import dataclass
from typing import ClassVar

from lambdas.contracts.commands import Command
from lambdas.contracts.event import Event
from lambdas.contracts.orders import (
    OrderCancelled,
    OrderDispatched,
    OrderRejected,
)
from lambdas.contracts.values import Identifier

SOURCE = "com.aws.notifications"
NOTIFIED_EVENTS: tuple[type[Event], ...] = (OrderRejected, OrderCancelled, OrderDispatched)
"""The events that customers are notified of as they come; OrderConfirmed waits for its invoice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerNotified(Event):
    """The customer was notified of an event of the order, or it was decided that no mail is sent.

    ``notice`` is the type of that event, such as ``OrderConfirmed``. The sequence is that event's
    sequence, so it has gaps. ``result`` is ``SENT``; ``NO_ADDRESS`` when no address is known;
    ``UNCONFIRMED`` when its owner has not confirmed it; or ``RECORDED`` where the environment has
    no sender. The event contains no address.
    """

    source: ClassVar = SOURCE
    version: ClassVar = 1
    via_destination: ClassVar = True

    order_id: Identifier
    customer_id: Identifier
    notice: str
    result: str


EVENTS: tuple[type[Event], ...] = (CustomerNotified,)


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseCustomer(Command):
    """Erase a customer's personal data: address, name, and the id in records of mails."""

    customer_id: Identifier
    dry_run: bool = False
    """Whether to count only."""

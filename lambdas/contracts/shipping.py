"""What the shipping service is asked, and how it refuses."""

from dataclasses import dataclass

from lambdas.contracts.event import Command, Event, Refusal
from lambdas.contracts.values import Line

SOURCE = "com.aws.shipping"
EVENTS: tuple[type[Event], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BookShipment(Command):
    """Book the shipment of an order, once."""

    order_id: str
    country: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelShipment(Command):
    """Cancel an order's shipment; the compensation of BookShipment."""

    order_id: str


class AddressUndeliverable(Refusal):
    """No carrier delivers to the order's country."""


class ShipmentCancelled(Refusal):
    """The order's shipment was cancelled already: a late BookShipment changes nothing."""

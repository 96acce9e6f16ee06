"""The events, commands and refusals of the shipping service."""

from dataclasses import dataclass
from typing import ClassVar

from lambdas.contracts.commands import Command, Refusal
from lambdas.contracts.event import Event
from lambdas.contracts.values import Country, Identifier, Lines

SOURCE = "com.aws.shipping"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentDispatched(Event):
    """The order's shipment was dispatched, with these units.

    This is the only event of a shipment.
    """

    source: ClassVar = SOURCE
    version: ClassVar = 1

    order_id: Identifier
    shipment_id: Identifier
    country: Country
    lines: Lines


EVENTS: tuple[type[Event], ...] = (ShipmentDispatched,)


@dataclass(frozen=True, slots=True, kw_only=True)
class BookShipment(Command):
    """Book the shipment of an order, once."""

    order_id: Identifier
    country: Country
    lines: Lines


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelShipment(Command):
    """Cancel an order's shipment; the compensation of BookShipment."""

    order_id: Identifier


class AddressUndeliverable(Refusal):
    """No carrier delivers to the order's country."""


class ShipmentAlreadyCancelled(Refusal):
    """The order's shipment was cancelled already: a late BookShipment changes nothing."""


class ShipmentAlreadyDispatched(Refusal):
    """The order's shipment was dispatched: CancelShipment is too late and changes nothing."""

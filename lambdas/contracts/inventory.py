"""What the inventory service is asked, and how it refuses."""

from dataclasses import dataclass

from lambdas.contracts.event import Command, Event, Refusal
from lambdas.contracts.values import Line

SOURCE = "com.aws.inventory"
EVENTS: tuple[type[Event], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveStock(Command):
    """Set the stock of an order aside: all lines or none."""

    order_id: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseStock(Command):
    """Give an order's reservation back; the compensation of ReserveStock."""

    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveStock(Command):
    """Put a delivery's goods on the shelf, once per ``delivery_id``."""

    delivery_id: str
    lines: tuple[Line, ...]


class OutOfStock(Refusal):
    """Too few units of at least one of the order's SKUs are available."""


class ReservationReleased(Refusal):
    """The order's reservation was released already: a late ReserveStock changes nothing."""

"""The events, commands and refusals of the inventory service."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar

from lambdas.contracts.bounds import IntegerBounds
from lambdas.contracts.codec import ContractError
from lambdas.contracts.commands import Command, Refusal
from lambdas.contracts.event import Event
from lambdas.contracts.values import MAX_QUANTITY, Identifier, Lines, Sku

SOURCE = "com.aws.inventory"
TOPIC = "inventory"


class ReservationState(StrEnum):
    """The states of a reservation."""

    WAITING = "WAITING"
    """It holds nothing yet: a SKU is busy. A batch makes it RESERVED or REFUSED."""
    RESERVED = "RESERVED"
    """It holds units, until it is RELEASED or SHIPPED."""
    RELEASING = "RELEASING"
    """It is released, and holds its units until a batch moves them and makes it RELEASED."""
    SHIPPING = "SHIPPING"
    """It has left, and holds its units until a batch moves them and makes it SHIPPED."""
    REFUSED = "REFUSED"
    """It holds nothing: too few units were available."""
    RELEASED = "RELEASED"
    """Its units are available again, or it is a tombstone: the release came first."""
    SHIPPED = "SHIPPED"
    """Its units have left."""

    @property
    def is_pending(self) -> bool:
        """Whether a batch has yet to move the reservation's units."""
        return self in {self.WAITING, self.RELEASING, self.SHIPPING}

    @property
    def holds_units(self) -> bool:
        """Whether the stock counts the reservation's units as reserved."""
        return self in {self.RESERVED, self.RELEASING, self.SHIPPING}


PENDING_STATES = tuple(state for state in ReservationState if state.is_pending)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """A SKU's stock after a change: units that can be sold, units set aside, and the minimum.

    No number is below zero: such an event can be neither built nor parsed.
    """

    sku: Sku
    available: int
    reserved: int
    minimum: int

    def __post_init__(self) -> None:
        problems = [] if self.sku else ["sku must not be empty"]
        problems += [
            f"{name} must be at least 0, not {number}"
            for name in ("available", "reserved", "minimum")
            if (number := getattr(self, name)) < 0
        ]
        if problems:
            raise ContractError(type(self).__name__, problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class StockSoldOut(Stock, Event):
    """The last available unit is gone. Published once, until some are available again."""

    source: ClassVar = SOURCE
    topic: ClassVar = TOPIC
    subject_field: ClassVar = "sku"
    version: ClassVar = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StockBelowMinimum(Stock, Event):
    """Fewer units are available than the minimum. Published once, until there are as many again."""

    source: ClassVar = SOURCE
    topic: ClassVar = TOPIC
    subject_field: ClassVar = "sku"
    version: ClassVar = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StockReplenished(Stock, Event):
    """As many units as the minimum are available again."""

    source: ClassVar = SOURCE
    topic: ClassVar = TOPIC
    subject_field: ClassVar = "sku"
    version: ClassVar = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StockChanged(Stock, Event):
    """The stock changed in a way that no other stock event reports."""

    source: ClassVar = SOURCE
    topic: ClassVar = TOPIC
    subject_field: ClassVar = "sku"
    version: ClassVar = 1


StockEvent = StockSoldOut | StockBelowMinimum | StockReplenished | StockChanged
STOCK_EVENTS: tuple[type[StockEvent], ...] = (
    StockSoldOut,
    StockBelowMinimum,
    StockReplenished,
    StockChanged,
)
"""Exactly one of these is published for each change of a SKU's stock, so its sequence has no gaps.
Each carries the whole stock, so a consumer that only needs the stock may take any of them.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationUnresolved(Event):
    """An order's stock is reserved, and no event of the order has arrived for a long time.

    This event queries the order's status. The subject is ``reservation:<order_id>``; the sequence
    counts the queries.
    """

    source: ClassVar = SOURCE
    version: ClassVar = 1
    subject_field: ClassVar = ""

    order_id: Identifier


EVENTS: tuple[type[Event], ...] = (*STOCK_EVENTS, ReservationUnresolved)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveStock(Command):
    """Reserve the stock of an order: all lines or none."""

    order_id: Identifier
    lines: Lines


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseStock(Command):
    """Release an order's reservation; the compensation of ReserveStock."""

    order_id: Identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredLine:
    """A quantity of a SKU, and its new minimum; null leaves the minimum as it is."""

    sku: Sku
    quantity: Annotated[int, IntegerBounds(minimum=-MAX_QUANTITY, maximum=MAX_QUANTITY)]
    """Negative for units that are written off: they are broken, or were counted wrongly."""
    minimum: Annotated[int, IntegerBounds(minimum=0, maximum=MAX_QUANTITY)] | None = None
    """Purchasing orders as much as this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveStock(Command):
    """Add a delivery's goods to the stock, once per ``delivery_id``, or write some off.

    A new SKU is created, with a minimum of 5 unless the line has another. Other goods under a
    ``delivery_id`` that was used before are refused. So is the whole command with ``OutOfStock`` if
    more units are to be written off than are available: what orders have reserved stays.
    """

    delivery_id: Identifier
    lines: tuple[DeliveredLine, ...]


class OutOfStock(Refusal):
    """Too few units of at least one of the order's SKUs are available."""


class ReservationAlreadyReleased(Refusal):
    """The order's reservation was released already: a late ReserveStock changes nothing."""

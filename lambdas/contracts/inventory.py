"""What the inventory service tells, what it is asked, and how it refuses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from lambdas.contracts.codec import ContractError
from lambdas.contracts.event import Command, Event, EventEnvelope, Refusal, parse_message
from lambdas.contracts.values import Line

SOURCE = "com.aws.inventory"
TOPIC = "inventory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """A SKU's stock after a change: units that can be sold, units set aside, and the minimum.

    No number is below zero: there is no such stock, so it can neither be told nor heard.
    """

    sku: str
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
    """The last available unit is gone. Told once, until some are available again."""

    source: ClassVar = SOURCE
    topic: ClassVar = TOPIC
    detail_type: ClassVar = "StockSoldOut"
    version: ClassVar = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StockBelowMinimum(Stock, Event):
    """Fewer units are available than the minimum. Told once, until there are as many again."""

    source: ClassVar = SOURCE
    topic: ClassVar = TOPIC
    detail_type: ClassVar = "StockBelowMinimum"
    version: ClassVar = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StockReplenished(Stock, Event):
    """As many units as the minimum are available again."""

    source: ClassVar = SOURCE
    topic: ClassVar = TOPIC
    detail_type: ClassVar = "StockReplenished"
    version: ClassVar = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StockChanged(Stock, Event):
    """The stock changed, and none of the other stock events says so."""

    source: ClassVar = SOURCE
    topic: ClassVar = TOPIC
    detail_type: ClassVar = "StockChanged"
    version: ClassVar = 1


StockEvent = StockSoldOut | StockBelowMinimum | StockReplenished | StockChanged
STOCK_EVENTS: tuple[type[StockEvent], ...] = (
    StockSoldOut,
    StockBelowMinimum,
    StockReplenished,
    StockChanged,
)
"""Each change of a SKU's stock is told by exactly one of these, so a SKU's sequence has no gaps,
and each carries the whole stock, so whoever only wants that may take it from any of them.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationUnresolved(Event):
    """An order's stock is set aside, and nothing was heard of the order for long: what of it?

    The subject is ``reservation:<order_id>``, and the sequence counts how often it was asked.
    """

    source: ClassVar = SOURCE
    detail_type: ClassVar = "ReservationUnresolved"
    version: ClassVar = 1

    order_id: str


EVENTS: tuple[type[Event], ...] = (*STOCK_EVENTS, ReservationUnresolved)

S = TypeVar("S", bound=StockEvent)


def parse_stock_message(contracts: Sequence[type[S]], body: str) -> EventEnvelope[S]:
    """Read the body of a message as a fact of one of these stock events.

    Raises:
        ContractError: as ``parse_message``, or the SKU is not the one that the message is about.
    """
    event = parse_message(contracts, body)
    if event.data.sku != event.metadata.subject:
        problem = f"sku is {event.data.sku}, and the message is about {event.metadata.subject}"
        raise ContractError(event.data.detail_type, [problem])
    return event


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
class DeliveredLine:
    """So many units of a SKU, and the minimum that it has from now on; null leaves it as it is."""

    sku: str
    quantity: int
    minimum: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveStock(Command):
    """Put a delivery's goods on the shelf, once per ``delivery_id``.

    A SKU that is new is made known by it, with a minimum of 5 unless the line says another.
    """

    delivery_id: str
    lines: tuple[DeliveredLine, ...]


class OutOfStock(Refusal):
    """Too few units of at least one of the order's SKUs are available."""


class ReservationAlreadyReleased(Refusal):
    """The order's reservation was released already: a late ReserveStock changes nothing."""

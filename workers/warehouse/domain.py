"""The events that the warehouse consumes and publishes, and its rows."""

from dataclasses import dataclass

from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.contracts.inventory import STOCK_EVENTS
from lambdas.contracts.orders import OrderConfirmed
from lambdas.contracts.parsing import parse_event
from lambdas.contracts.values import Identifier, Line, Lines, Time
from lambdas.contracts.warehouse import OrderPicked


@dataclass(frozen=True, slots=True, kw_only=True)
class StockLevel:
    """The stock of one SKU, as of inventory's event with this ``sequence``."""

    sku: str
    available: int
    reserved: int
    minimum: int
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Picking:
    """A picked order: a row of the picking list, from which its event is made."""

    order_id: Identifier
    lines: Lines
    correlation_id: str
    cause: str
    """The id of the event that it was picked for."""
    picked_at: Time
    """UTC, ISO 8601."""


def parse_stock_level(body: str) -> StockLevel:
    """Return the stock level in a message of the stock queue.

    Raises:
        ContractError: the message is no stock event, or does not fit its contract.
    """
    event = parse_event(STOCK_EVENTS, body)
    return StockLevel(
        sku=event.data.sku,
        available=event.data.available,
        reserved=event.data.reserved,
        minimum=event.data.minimum,
        sequence=event.metadata.sequence,
    )


def parse_picking(body: str, *, now: str) -> Picking:
    """Return the picking for a message of the picking queue: OrderConfirmed, as delivered.

    Raises:
        ContractError: it is another event, or does not fit its contract.
    """
    event = parse_event([OrderConfirmed], body)
    lines = tuple(Line(sku=line.sku, quantity=line.quantity) for line in event.data.lines)
    return Picking(
        order_id=event.data.order_id,
        lines=lines,
        correlation_id=event.metadata.correlation_id,
        cause=event.metadata.event_id,
        picked_at=now,
    )


def order_picked_event(picking: Picking) -> EventEnvelope[OrderPicked]:
    """Return the event for a picking. Each call returns the same event, with the same id."""
    return envelope(
        OrderPicked(order_id=picking.order_id, lines=picking.lines),
        subject=picking.order_id,
        sequence=1,
        correlation_id=picking.correlation_id,
        causation_id=picking.cause,
        occurred_at=picking.picked_at,
    )

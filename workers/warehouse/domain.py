"""What the warehouse hears, what it makes of it, and what it tells."""

from dataclasses import dataclass

from lambdas.contracts.codec import ContractError
from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.contracts.inventory import STOCK_EVENTS
from lambdas.contracts.orders import OrderConfirmed
from lambdas.contracts.parsing import parse_event
from lambdas.contracts.values import Line
from lambdas.contracts.warehouse import OrderPicked


@dataclass(frozen=True, slots=True, kw_only=True)
class StockLevel:
    """The stock of one SKU as inventory last told it; ``sequence`` numbers what it tells of it."""

    sku: str
    available: int
    reserved: int
    minimum: int
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Picking:
    """An order that was picked: the row of the picking list, and all that is told of it.

    ``cause`` is the id of the event that had it picked; ``picked_at`` is UTC, ISO 8601.
    """

    order_id: str
    lines: tuple[Line, ...]
    correlation_id: str
    cause: str
    picked_at: str


def parse_stock_level(body: str) -> StockLevel:
    """The shelf that a message of the announcements' queue tells of; raises ContractError."""
    event = parse_event(STOCK_EVENTS, body)
    return StockLevel(
        sku=event.data.sku,
        available=event.data.available,
        reserved=event.data.reserved,
        minimum=event.data.minimum,
        sequence=event.metadata.sequence,
    )


def parse_picking(body: str, *, now: str) -> Picking:
    """The picking that a message of the picking queue asks for, an event as the bus delivers it.

    Raises:
        ContractError: it is no confirmed order, or one of which nothing can be picked.
    """
    event = parse_event([OrderConfirmed], body)
    lines = tuple(Line(sku=line.sku, quantity=line.quantity) for line in event.data.lines)
    problems = [] if lines else ["lines must not be empty"]
    problems += [
        f"lines[{i}].quantity must be at least 1, not {line.quantity}"
        for i, line in enumerate(lines)
        if line.quantity < 1
    ]
    if problems:
        raise ContractError(OrderConfirmed.detail_type, problems)
    return Picking(
        order_id=event.data.order_id,
        lines=lines,
        correlation_id=event.metadata.correlation_id,
        cause=event.metadata.event_id,
        picked_at=now,
    )


def order_picked_event(picking: Picking) -> EventEnvelope[OrderPicked]:
    """What to tell of a picking: however often it is told, it is the same event."""
    return envelope(
        OrderPicked(order_id=picking.order_id, lines=picking.lines),
        subject=picking.order_id,
        sequence=1,
        correlation_id=picking.correlation_id,
        causation_id=picking.cause,
        occurred_at=picking.picked_at,
    )

"""What the warehouse hears, what it makes of it, and what it tells."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lambdas.contracts.codec import ContractError
from lambdas.contracts.event import Event, Fact, hear, tell
from lambdas.contracts.inventory import EVENTS as STOCK_EVENTS
from lambdas.contracts.orders import OrderConfirmed
from lambdas.contracts.values import Line
from lambdas.contracts.warehouse import OrderPicked


class PoisonError(Exception):
    """The message makes no sense, today or ever: the reason is for an operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
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


def stock_told(body: str) -> Stock:
    """The stock that a message of the announcements' queue tells; raises PoisonError."""
    message = _json(body)
    identity = [message.get("source"), message.get("detail_type")]
    known = [event for event in STOCK_EVENTS if [event.source, event.detail_type] == identity]
    fact = _hear(known, identity, message)
    told: Any = fact.data
    if min(told.available, told.reserved, told.minimum) < 0:
        raise PoisonError(f"negative units of {told.sku}")
    return Stock(
        sku=told.sku,
        available=told.available,
        reserved=told.reserved,
        minimum=told.minimum,
        sequence=fact.metadata.sequence,
    )


def picking_asked_for(body: str, *, now: str) -> Picking:
    """The picking that a message of the picking queue asks for; raises PoisonError."""
    message = _json(body)
    identity = [message.get("source"), message.get("detail-type")]
    confirmed = identity == [OrderConfirmed.source, OrderConfirmed.detail_type]
    fact = _hear([OrderConfirmed] if confirmed else [], identity, message.get("detail"))
    order: Any = fact.data
    lines = tuple(Line(sku=line.sku, quantity=line.quantity) for line in order.lines)
    if not lines or min(line.quantity for line in lines) < 1:
        raise PoisonError(f"order {order.order_id} has a line of nothing, or no line at all")
    return Picking(
        order_id=order.order_id,
        lines=lines,
        correlation_id=fact.metadata.correlation_id,
        cause=fact.metadata.event_id,
        picked_at=now,
    )


def announcement(picking: Picking) -> Fact[OrderPicked]:
    """What to tell of a picking: however often it is told, it is the same event."""
    return tell(
        OrderPicked(order_id=picking.order_id, lines=picking.lines),
        subject=picking.order_id,
        sequence=1,
        correlation_id=picking.correlation_id,
        causation_id=picking.cause,
        occurred_at=picking.picked_at,
    )


def _json(body: str) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PoisonError(f"not JSON: {error}") from None
    if not isinstance(message, dict):
        raise PoisonError("not a JSON object")
    return message


def _hear(known: Sequence[type[Event]], identity: list[object], detail: object) -> Fact[Any]:
    if not known:
        raise PoisonError(f"no contract is known here of source and type {identity}")
    try:
        return hear(known[0], detail)
    except ContractError as error:
        raise PoisonError(str(error)) from None

"""Decisions about stock: valid commands, refusals, and the event for a change."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from zlib import crc32

from lambdas.contracts.bounds import quoted
from lambdas.contracts.codec import ContractError
from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.contracts.inventory import (
    DeliveredLine,
    OutOfStock,
    ReceiveStock,
    ReservationAlreadyReleased,
    ReservationState,
    ReservationUnresolved,
    ReserveStock,
    StockBelowMinimum,
    StockChanged,
    StockEvent,
    StockReplenished,
    StockSoldOut,
)
from lambdas.contracts.text import sku_problem
from lambdas.contracts.values import MAX_QUANTITY, MAX_SKUS, Line

DEFAULT_MINIMUM = 5
"""The minimum of a SKU for which no delivery has set one."""
INDEX_SHARDS = 16
"""How many partitions the index of unresolved reservations has."""
MAX_SKUS_NAMED = 10
"""How many SKUs a refusal names at most."""


class StockBusyError(Exception):
    """The SKU's row is busy, so a batch decides about the order's units later; ask again."""


class StockStatus(StrEnum):
    """The available units of a SKU, compared with its minimum."""

    SOLD_OUT = "SOLD_OUT"
    """Nothing is available."""
    BELOW_MINIMUM = "BELOW_MINIMUM"
    """Something is available, but less than the minimum."""
    IN_STOCK = "IN_STOCK"
    """At least the minimum is available."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """The one reservation of an order. Times are UTC, ISO 8601."""

    order_id: str
    state: ReservationState
    lines: tuple[Line, ...]
    """One line for each SKU; a tombstone has none."""
    created_at: str
    changed_at: str
    """When ``state`` changed last."""
    explanation: str = ""
    """Why it was refused, in words for the customer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Units that were added to the stock, or written off."""

    delivery_id: str
    lines: tuple[DeliveredLine, ...]
    """One line for each SKU."""
    received_at: str
    """UTC, ISO 8601."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StockLevel:
    """The row of a SKU in the stock table."""

    sku: str
    available: int
    """Units that can be reserved."""
    reserved: int
    """Units that reservations hold."""
    minimum: int
    """Below this many available units, purchasing orders more."""
    sequence: int
    """How often the row has changed; each change is published as one event."""
    changed_at: str
    """UTC, ISO 8601."""
    cause: str
    """The command that changed the row last, and its id, such as ``ReserveStock/<order_id>``."""

    @property
    def stock_status(self) -> StockStatus:
        """Return the stock status: the available units compared with the minimum."""
        if self.available == 0:
            return StockStatus.SOLD_OUT
        return StockStatus.IN_STOCK if self.available >= self.minimum else StockStatus.BELOW_MINIMUM


def merge_lines_by_sku(command: ReserveStock | ReceiveStock) -> tuple[Line, ...]:
    """Return the command's lines with the quantities of each SKU summed: one line for each SKU.

    A delivery's may be negative.

    Raises:
        ContractError: names every field that is empty or out of range.
    """
    problems = [] if command.lines else ["lines must not be empty"]
    units: Counter[str] = Counter()
    requested: tuple[Line | DeliveredLine, ...] = command.lines
    for i, line in enumerate(requested):
        if not line.sku:
            problems.append(f"lines[{i}].sku must not be empty")
        if isinstance(line, DeliveredLine):
            if line.quantity == 0:
                problems.append(f"lines[{i}].quantity must not be 0")
            if line.minimum is not None and line.minimum < 0:
                problems.append(f"lines[{i}].minimum must be at least 0, not {line.minimum}")
        elif line.quantity < 1:
            problems.append(f"lines[{i}].quantity must be at least 1, not {line.quantity}")
        units[line.sku] += line.quantity
    problems += [
        f"lines have {together} of {quoted(sku)}, and at most {MAX_QUANTITY} may be"
        for sku, together in units.items()
        if abs(together) > MAX_QUANTITY
    ]
    if len(units) > MAX_SKUS:
        problems.append(f"lines must name at most {MAX_SKUS} SKUs, not {len(units)}")
    # A delivery may write off what it adds: no unit would move, but an event would be published.
    unmoved = [sku for sku, together in units.items() if together == 0]
    problems = problems or [f"lines have 0 of {quoted(sku)}" for sku in unmoved]
    if problems:
        raise ContractError(type(command).__name__, problems)
    return tuple(Line(sku=sku, quantity=quantity) for sku, quantity in units.items())


def plan_delivery(command: ReceiveStock, *, received_at: str) -> Delivery:
    """Return the delivery that the command asks for, with one line for each SKU.

    A SKU's minimum is the last one that the command's lines set for it.

    Raises:
        ContractError: names every field that is empty or out of range, and every SKU that the API
            would not accept in an order.
    """
    problems = [
        f"lines[{i}].sku {problem}"
        for i, line in enumerate(command.lines)
        if (problem := sku_problem(line.sku))
    ]
    if problems:
        raise ContractError(ReceiveStock.__name__, problems)
    minimums = {line.sku: line.minimum for line in command.lines if line.minimum is not None}
    return Delivery(
        delivery_id=command.delivery_id,
        lines=tuple(
            DeliveredLine(sku=line.sku, quantity=line.quantity, minimum=minimums.get(line.sku))
            for line in merge_lines_by_sku(command)
        ),
        received_at=received_at,
    )


def out_of_stock_message(skus: Sequence[str]) -> str:
    """Return why an order is refused, in words for the customer; it names the first SKUs."""
    more = len(skus) - MAX_SKUS_NAMED
    others = f" and {more} more" if more > 0 else ""
    return f"too few available of {', '.join(skus[:MAX_SKUS_NAMED])}{others}"


def refuse_unless_reserved(reservation: Reservation) -> None:
    """Raise a refusal if the reservation is refused or released.

    Raises:
        OutOfStock: the reservation was refused; the message is its explanation.
        ReservationAlreadyReleased: the reservation was released, perhaps before it was made.
        StockBusyError: it is not decided yet; this is no refusal.
    """
    if reservation.state == ReservationState.WAITING:
        raise StockBusyError(f"the reservation of order {reservation.order_id} waits for a batch")
    if reservation.state == ReservationState.REFUSED:
        raise OutOfStock(reservation.explanation)
    if reservation.state in (ReservationState.RELEASING, ReservationState.RELEASED):
        raise ReservationAlreadyReleased(
            f"the reservation of order {reservation.order_id} was released"
        )


def index_shard(order_id: str) -> str:
    """Return the shard of an order's reservation in the index of unresolved reservations."""
    return f"{crc32(order_id.encode()) % INDEX_SHARDS:02}"


def reservation_unresolved(
    order_id: str, *, query_number: int, now: str
) -> EventEnvelope[ReservationUnresolved]:
    """Return the query for the status of an order whose reservation is unresolved.

    ``query_number`` counts the queries of a reservation from 1.
    """
    return envelope(
        ReservationUnresolved(order_id=order_id),
        subject=f"reservation:{order_id}",
        sequence=query_number,
        correlation_id=order_id,
        causation_id=f"ReserveStock/{order_id}",
        occurred_at=now,
    )


def event_for_change(
    before: StockLevel | None, after: StockLevel
) -> EventEnvelope[StockEvent] | None:
    """Return the event for a change of a SKU's row; None if no unit moved.

    The row is its own outbox: each write that moves units increments ``sequence`` and leads to one
    event. Deriving it again gives the same event with the same id. A new SKU is treated as if it
    was in stock before.
    """
    if before is not None and before.sequence == after.sequence:
        return None
    kind = _event_type(before.stock_status if before else StockStatus.IN_STOCK, after.stock_status)
    return envelope(
        kind(
            sku=after.sku,
            available=after.available,
            reserved=after.reserved,
            minimum=after.minimum,
        ),
        subject=after.sku,
        sequence=after.sequence,
        correlation_id=after.cause.partition("/")[2],
        causation_id=after.cause,
        occurred_at=after.changed_at,
    )


def _event_type(old_status: StockStatus, new_status: StockStatus) -> type[StockEvent]:
    """Return the class of the event for a change from one stock status to another."""
    if old_status == new_status:
        return StockChanged
    if new_status == StockStatus.SOLD_OUT:
        return StockSoldOut
    if new_status == StockStatus.IN_STOCK:
        return StockReplenished
    return StockBelowMinimum if old_status == StockStatus.IN_STOCK else StockChanged

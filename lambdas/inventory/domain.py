"""Which requests for stock are good ones, what a reservation answers, what a change tells."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

from lambdas.contracts.codec import ContractError
from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.contracts.inventory import (
    DeliveredLine,
    OutOfStock,
    ReceiveStock,
    ReservationAlreadyReleased,
    ReservationUnresolved,
    ReserveStock,
    StockBelowMinimum,
    StockChanged,
    StockEvent,
    StockReplenished,
    StockSoldOut,
)
from lambdas.contracts.values import MAX_SKUS, Line

RESERVED, REFUSED, RELEASED, SHIPPED = "RESERVED", "REFUSED", "RELEASED", "SHIPPED"
SOLD_OUT, BELOW_MINIMUM, IN_STOCK = "SOLD_OUT", "BELOW_MINIMUM", "IN_STOCK"
DEFAULT_MINIMUM = 5
"""The minimum of a SKU whose deliveries never said one."""
INDEX_SHARDS = 16
"""In so many partitions is the index of unresolved reservations."""
MAX_SKUS_NAMED = 10
"""So many SKUs does a refusal name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What is set aside for one order, or why nothing is and nothing will ever be.

    It begins as RESERVED, REFUSED, or RELEASED (a tombstone, when the release came first). A
    RESERVED one becomes RELEASED, or SHIPPED when its units leave; all others are final.
    ``explanation`` is for the customer and says why it was refused. Times are UTC, ISO 8601.
    """

    order_id: str
    state: str
    lines: tuple[Line, ...]
    created_at: str
    changed_at: str
    explanation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Goods that were put on the shelf; ``received_at`` is UTC, ISO 8601."""

    delivery_id: str
    lines: tuple[DeliveredLine, ...]
    received_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StockLevel:
    """A SKU's row of stock.

    ``sequence`` counts its changes, each of which is told. ``cause`` is the command that led to the
    last one, and what it was about, such as ``ReserveStock/<order_id>``.
    """

    sku: str
    available: int
    reserved: int
    minimum: int
    sequence: int
    changed_at: str
    cause: str

    @property
    def stock_status(self) -> str:
        """Whether enough is available, too little, or nothing."""
        if self.available == 0:
            return SOLD_OUT
        return IN_STOCK if self.available >= self.minimum else BELOW_MINIMUM


def merge_lines_by_sku(command: ReserveStock | ReceiveStock) -> tuple[Line, ...]:
    """The command's lines, summed: one for each SKU.

    Raises:
        ContractError: naming every field that asks for nothing, or for too much.
    """
    problems = [] if command.lines else ["lines must not be empty"]
    units: Counter[str] = Counter()
    requested: tuple[Line | DeliveredLine, ...] = command.lines
    for i, line in enumerate(requested):
        if not line.sku:
            problems.append(f"lines[{i}].sku must not be empty")
        if line.quantity < 1:
            problems.append(f"lines[{i}].quantity must be at least 1, not {line.quantity}")
        if isinstance(line, DeliveredLine) and line.minimum is not None and line.minimum < 0:
            problems.append(f"lines[{i}].minimum must be at least 0, not {line.minimum}")
        units[line.sku] += line.quantity
    if len(units) > MAX_SKUS:
        problems.append(f"lines must name at most {MAX_SKUS} SKUs, not {len(units)}")
    if problems:
        raise ContractError(type(command).__name__, problems)
    return tuple(Line(sku=sku, quantity=quantity) for sku, quantity in units.items())


def plan_delivery(command: ReceiveStock, *, received_at: str) -> Delivery:
    """What arrives: a line for each SKU, with the last minimum that any of its lines says.

    Raises:
        ContractError: naming every field that asks for nothing, or for too much.
    """
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
    """Why an order is refused, fit for a customer's eyes: of many SKUs the first are named."""
    more = len(skus) - MAX_SKUS_NAMED
    others = f" and {more} more" if more > 0 else ""
    return f"too few available of {', '.join(skus[:MAX_SKUS_NAMED])}{others}"


def refuse_unless_reserved(reservation: Reservation) -> None:
    """Answer an order that asked for stock by what its reservation became.

    Raises:
        OutOfStock: it was refused; the message is the explanation given then.
        ReservationAlreadyReleased: it was released, perhaps before it was made.
    """
    if reservation.state == REFUSED:
        raise OutOfStock(reservation.explanation)
    if reservation.state == RELEASED:
        raise ReservationAlreadyReleased(
            f"the reservation of order {reservation.order_id} was released"
        )


def index_shard(order_id: str) -> str:
    """Which shard of the index of unresolved reservations the order's belongs to."""
    return f"{crc32(order_id.encode()) % INDEX_SHARDS:02}"


def reservation_unresolved(
    order_id: str, *, query_number: int, now: str
) -> EventEnvelope[ReservationUnresolved]:
    """Ask for the time number ``query_number`` what became of an order that stock is set aside for."""
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
    """What to tell the others of a change of a SKU's row; None when there is nothing to tell.

    The row is its own outbox: each write that moves units counts ``sequence`` up and is told by one
    event. Told again, it is the same event.
    """
    if before is not None and before.sequence == after.sequence:
        return None
    kind = _event_type(before.stock_status if before else IN_STOCK, after.stock_status)
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


def _event_type(old_status: str, new_status: str) -> type[StockEvent]:
    """The event that says how a SKU's level changed; one that is new had enough until now."""
    if old_status == new_status:
        return StockChanged
    if new_status == SOLD_OUT:
        return StockSoldOut
    if new_status == IN_STOCK:
        return StockReplenished
    return StockBelowMinimum if old_status == IN_STOCK else StockChanged

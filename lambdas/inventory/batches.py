"""The pending reservations of busy SKUs, whose units one transaction moves together.

Two transactions on one row at the same time conflict, so a row takes at most a hundred a second.
When a SKU is that busy, a request only writes its reservation, in a pending state. Later, one write
of the SKU's row moves the units of many reservations.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from lambdas.contracts.inventory import ReservationState
from lambdas.inventory.domain import Reservation, out_of_stock_message

MAX_ITEMS = 100
"""How many items a transaction has at most.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""
CAUSES = {
    ReservationState.WAITING: "ReserveStock",
    ReservationState.RELEASING: "ReleaseStock",
    ReservationState.SHIPPING: "ShipmentDispatched",
}
"""The pending states, and the command or event that led to each."""
CLOSED = {
    ReservationState.RELEASING: ReservationState.RELEASED,
    ReservationState.SHIPPING: ReservationState.SHIPPED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenStock:
    """The units of a SKU when they were read. A SKU without a row has none."""

    available: int = 0
    reserved: int = 0
    sequence: int = 0


@dataclass(slots=True, kw_only=True)
class StockChange:
    """The units that a batch adds to a SKU's row, and the condition of that write."""

    available: int = 0
    reserved: int = 0
    cause: str
    """That of the first reservation that moves units of the SKU."""
    seen: int | None = None
    """The sequence number that the row must still have; None if any will do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlan:
    """The plan of one transaction: reservations that are decided, and units that move."""

    pending: Sequence[Reservation]
    """The reservations as they are."""
    decided: Sequence[Reservation]
    """The same reservations as they are to be."""
    changes: Mapping[str, StockChange]
    """The change of each SKU whose units move."""
    overdrawn: Sequence[Reservation]
    """Left out: they hold more units than their SKUs have reserved."""


def split_batches(pending: Sequence[Reservation]) -> Iterator[list[Reservation]]:
    """Yield groups of reservations that each fit into one transaction, with their SKUs' rows.

    One reservation always fits: it has at most 90 SKUs.
    """
    batch: list[Reservation] = []
    skus: set[str] = set()
    for reservation in pending:
        named = {line.sku for line in reservation.lines}
        if len(batch) + 1 + len(skus | named) > MAX_ITEMS:
            yield batch
            batch, skus = [], set()
        batch.append(reservation)
        skus |= named
    if batch:
        yield batch


def plan_batch(
    pending: Sequence[Reservation], stock: Mapping[str, SeenStock], *, now: str
) -> BatchPlan:
    """Decide pending reservations: those that give units back first, then those that wait.

    A waiting reservation is refused if a SKU has too few units left. If the SKU's row had enough,
    and only the others in the batch have taken them, the refusal requires that the row is still
    unchanged when the batch is written: units may have arrived in between. ``stock`` has every SKU
    that the reservations name. ``now`` becomes the time of the change.
    """
    plan = _Planner(stock)
    closing = [each for each in pending if each.state in CLOSED]
    waiting = [each for each in pending if each.state == ReservationState.WAITING]
    for reservation in closing:
        plan.close(reservation)
    for reservation in waiting:
        plan.reserve(reservation)
    return BatchPlan(
        pending=plan.pending,
        decided=[replace(each, changed_at=now) for each in plan.decided],
        changes=plan.changes,
        overdrawn=plan.overdrawn,
    )


class _Planner:
    """The decisions so far, and the stock that they leave."""

    def __init__(self, stock: Mapping[str, SeenStock]) -> None:
        self._stock = stock
        self._available = {sku: seen.available for sku, seen in stock.items()}
        self._reserved = {sku: seen.reserved for sku, seen in stock.items()}
        self.pending: list[Reservation] = []
        self.decided: list[Reservation] = []
        self.overdrawn: list[Reservation] = []
        self.changes: dict[str, StockChange] = {}

    def close(self, reservation: Reservation) -> None:
        """Release or ship the units of a reservation."""
        if any(self._reserved[line.sku] < line.quantity for line in reservation.lines):
            self.overdrawn.append(reservation)
            return
        returned = reservation.state == ReservationState.RELEASING
        for line in reservation.lines:
            given = line.quantity if returned else 0
            self._move(reservation, line.sku, available=given, reserved=-line.quantity)
        self._decide(reservation, replace(reservation, state=CLOSED[reservation.state]))

    def reserve(self, reservation: Reservation) -> None:
        """Reserve all lines of a reservation, or refuse it."""
        lacking = [line for line in reservation.lines if self._available[line.sku] < line.quantity]
        if lacking:
            for line in lacking:
                if line.quantity <= self._stock[line.sku].available:
                    self.changes[line.sku].seen = self._stock[line.sku].sequence
            explanation = out_of_stock_message([line.sku for line in lacking])
            refused = replace(reservation, state=ReservationState.REFUSED, explanation=explanation)
            self._decide(reservation, refused)
            return
        for line in reservation.lines:
            self._move(reservation, line.sku, available=-line.quantity, reserved=line.quantity)
        self._decide(reservation, replace(reservation, state=ReservationState.RESERVED))

    def _move(self, reservation: Reservation, sku: str, *, available: int, reserved: int) -> None:
        cause = f"{CAUSES[reservation.state]}/{reservation.order_id}"
        change = self.changes.setdefault(sku, StockChange(cause=cause))
        change.available += available
        change.reserved += reserved
        self._available[sku] += available
        self._reserved[sku] += reserved

    def _decide(self, pending: Reservation, decided: Reservation) -> None:
        self.pending.append(pending)
        self.decided.append(decided)

"""Which requests for stock are good ones, and what a reservation answers to its order."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from lambdas.contracts.codec import ContractError
from lambdas.contracts.inventory import (
    OutOfStock,
    ReceiveStock,
    ReservationReleased,
    ReserveStock,
)
from lambdas.contracts.values import MAX_SKUS, Line

RESERVED, REFUSED, RELEASED, SHIPPED = "RESERVED", "REFUSED", "RELEASED", "SHIPPED"


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
    lines: tuple[Line, ...]
    received_at: str


def lines_by_sku(command: ReserveStock | ReceiveStock) -> tuple[Line, ...]:
    """The command's lines, summed: one for each SKU.

    Raises:
        ContractError: naming every field that asks for nothing, or for too much.
    """
    problems = [] if command.lines else ["lines must not be empty"]
    units: Counter[str] = Counter()
    for i, line in enumerate(command.lines):
        if not line.sku:
            problems.append(f"lines[{i}].sku must not be empty")
        if line.quantity < 1:
            problems.append(f"lines[{i}].quantity must be at least 1, not {line.quantity}")
        units[line.sku] += line.quantity
    if len(units) > MAX_SKUS:
        problems.append(f"lines must name at most {MAX_SKUS} SKUs, not {len(units)}")
    if problems:
        raise ContractError(type(command).__name__, problems)
    return tuple(Line(sku=sku, quantity=quantity) for sku, quantity in units.items())


def too_few(skus: Iterable[str]) -> str:
    """Why an order is refused, fit for a customer's eyes."""
    return f"too few available of {', '.join(skus)}"


def refuse_unless_reserved(reservation: Reservation) -> None:
    """Answer an order that asked for stock by what its reservation became.

    Raises:
        OutOfStock: it was refused; the message is the explanation given then.
        ReservationReleased: it was released, perhaps before it was made.
    """
    if reservation.state == REFUSED:
        raise OutOfStock(reservation.explanation)
    if reservation.state == RELEASED:
        raise ReservationReleased(f"the reservation of order {reservation.order_id} was released")

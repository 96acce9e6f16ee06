"""Where a carrier delivers to, what a shipment answers to its order, and what is told of it."""

from dataclasses import dataclass, replace
from uuid import uuid5

from lambdas.contracts.envelope import UUID_NAMESPACE, EventEnvelope, envelope
from lambdas.contracts.shipping import (
    SOURCE,
    AddressUndeliverable,
    BookShipment,
    ShipmentAlreadyCancelled,
    ShipmentAlreadyDispatched,
    ShipmentDispatched,
)
from lambdas.contracts.values import Line

AWAITED, BOOKED, REFUSED = "AWAITED", "BOOKED", "REFUSED"
CANCELLED, DISPATCHED = "CANCELLED", "DISPATCHED"

NON_COUNTRIES = frozenset({"", "unspecified", "european community"})
"""What stands for a country in order data and is none, in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """The one shipment of an order, or why there is none and never will be.

    It begins as BOOKED, REFUSED, or CANCELLED (a tombstone, when the cancellation came first), or
    is AWAITED before that, when all that was heard of the order is its hold. A BOOKED one becomes
    CANCELLED or DISPATCHED, whichever is asked for first; the others are final.
    ``explanation`` is for the customer and says why it was refused. ``cause`` is the id of the
    event that had it dispatched. While it is ``held`` it does not leave, though it was ``picked``;
    ``hold_sequence`` is the sequence of the latest event that said whether it is. Times are UTC, ISO 8601.
    """

    order_id: str
    shipment_id: str
    state: str
    created_at: str
    changed_at: str
    country: str = ""
    lines: tuple[Line, ...] = ()
    explanation: str = ""
    cause: str = ""
    held: bool = False
    picked: bool = False
    hold_sequence: int = 0


def shipment_id(order_id: str) -> str:
    """The id of the order's shipment: opaque, and the same whenever it is asked for."""
    return str(uuid5(UUID_NAMESPACE, f"{SOURCE}/{order_id}/shipment"))


def plan_shipment(command: BookShipment, *, now: str) -> Shipment:
    """The shipment that the command asks for: BOOKED, or REFUSED where no carrier goes."""
    country = command.country.strip()
    undeliverable = country.lower() in NON_COUNTRIES
    return Shipment(
        order_id=command.order_id,
        shipment_id=shipment_id(command.order_id),
        state=REFUSED if undeliverable else BOOKED,
        created_at=now,
        changed_at=now,
        country=country,
        lines=command.lines,
        explanation=undeliverable_message(country) if undeliverable else "",
    )


def undeliverable_message(country: str) -> str:
    """Why a shipment is refused, fit for a customer's eyes."""
    if not country:
        return "the address names no country"
    return f'no carrier delivers to "{country}": it is not a country'


def mark_picked(shipment: Shipment | None, *, cause: str, now: str) -> Shipment | None:
    """The shipment once its goods stand ready: it leaves, or, where it is held, waits for that.

    ``cause`` is the id of the event that tells of it.
    """
    if shipment is None or shipment.state != BOOKED:
        return shipment
    picked = replace(shipment, picked=True)
    return picked if shipment.held else _dispatch(picked, cause=cause, now=now)


def apply_hold(
    existing: Shipment | None, order_id: str, *, held: bool, sequence: int, cause: str, now: str
) -> Shipment:
    """The shipment once it is known whether its order is held; what is picked leaves when not.

    ``existing`` is None where nothing was heard of the order before. ``sequence`` is that of the event
    that tells, ``cause`` its id: what is told later than it may have been heard before it.
    """
    shipment = existing or Shipment(
        order_id=order_id,
        shipment_id=shipment_id(order_id),
        state=AWAITED,
        created_at=now,
        changed_at=now,
    )
    if shipment.state not in (AWAITED, BOOKED) or sequence <= shipment.hold_sequence:
        return shipment
    updated = replace(shipment, held=held, hold_sequence=sequence)
    may_leave = updated.picked and not held
    return _dispatch(updated, cause=cause, now=now) if may_leave else updated


def _dispatch(shipment: Shipment, *, cause: str, now: str) -> Shipment:
    return replace(shipment, state=DISPATCHED, changed_at=now, cause=cause)


def merge_hold(awaited: Shipment, planned: Shipment) -> Shipment:
    """What was planned, where a hold was heard of before."""
    return replace(planned, held=awaited.held, hold_sequence=awaited.hold_sequence)


def refuse_unless_booked(shipment: Shipment) -> None:
    """Answer an order that asked for a shipment by what that became.

    Raises:
        AddressUndeliverable: it was refused; the message is the explanation given then.
        ShipmentAlreadyCancelled: it was cancelled, perhaps before it was booked.
    """
    if shipment.state == REFUSED:
        raise AddressUndeliverable(shipment.explanation)
    if shipment.state == CANCELLED:
        raise ShipmentAlreadyCancelled(f"the shipment of order {shipment.order_id} was cancelled")


def refuse_unless_cancelled(shipment: Shipment) -> None:
    """Answer an order whose shipment was to be cancelled; raises ShipmentAlreadyDispatched."""
    if shipment.state == DISPATCHED:
        raise ShipmentAlreadyDispatched(f"the shipment of order {shipment.order_id} has left")


class NoShipmentError(Exception):
    """What was picked has no shipment: somebody told of an order that was never confirmed."""


def require_shipment(shipment: Shipment | None, order_id: str) -> Shipment:
    """The shipment that was picked: DISPATCHED, BOOKED while held, or CANCELLED before it left.

    Raises:
        NoShipmentError: there is none, or it was refused.
    """
    if shipment is None or shipment.state in (AWAITED, REFUSED):
        raise NoShipmentError(f"order {order_id} was picked and has no shipment")
    return shipment


def event_for_change(
    before: Shipment | None, after: Shipment
) -> EventEnvelope[ShipmentDispatched] | None:
    """What to tell the others of a change of a shipment's row; None when it is nothing to them."""
    if after.state != DISPATCHED or (before is not None and before.state == DISPATCHED):
        return None
    return envelope(
        ShipmentDispatched(
            order_id=after.order_id,
            shipment_id=after.shipment_id,
            country=after.country,
            lines=after.lines,
        ),
        subject=after.order_id,
        sequence=1,
        correlation_id=after.order_id,
        causation_id=after.cause,
        occurred_at=after.changed_at,
    )

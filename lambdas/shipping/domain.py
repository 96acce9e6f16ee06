"""Decisions about shipments: bookings, holds, dispatches, refusals, and the event for a change."""

from dataclasses import dataclass, replace
from enum import StrEnum
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

NON_COUNTRIES = frozenset({"", "unspecified", "european community"})
"""What order data has in place of a country, in lower case."""


class ShipmentState(StrEnum):
    """The states of a shipment."""

    AWAITED = "AWAITED"
    """Not booked yet: only a hold of its order is known."""
    BOOKED = "BOOKED"
    """It becomes CANCELLED or DISPATCHED, whichever is requested first; these are final."""
    REFUSED = "REFUSED"
    """No carrier delivers to its address. Final."""
    CANCELLED = "CANCELLED"
    """It was cancelled; or it is a tombstone, as the cancellation came first."""
    DISPATCHED = "DISPATCHED"
    """It has left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """The one shipment of an order. Times are UTC, ISO 8601."""

    order_id: str
    shipment_id: str
    state: ShipmentState
    created_at: str
    changed_at: str
    """When ``state`` changed last."""
    country: str = ""
    lines: tuple[Line, ...] = ()
    explanation: str = ""
    """Why it was refused, in words for the customer."""
    cause: str = ""
    """The id of the event that led to the dispatch."""
    held: bool = False
    """Whether its order is on hold: it is then not dispatched, even if it was picked."""
    picked: bool = False
    """Whether the warehouse has picked its goods."""
    hold_sequence: int = 0
    """The sequence of the latest event that set ``held``."""
    reported_at: str = ""
    """When its dispatch was reported again, because it was requested again after it had left."""


def shipment_id(order_id: str) -> str:
    """Return the id of the order's shipment: opaque, and the same at every call."""
    return str(uuid5(UUID_NAMESPACE, f"{SOURCE}/{order_id}/shipment"))


def plan_shipment(command: BookShipment, *, now: str) -> Shipment:
    """Return the shipment that the command asks for: BOOKED, or REFUSED if no carrier delivers."""
    country = command.country.strip()
    undeliverable = country.lower() in NON_COUNTRIES
    return Shipment(
        order_id=command.order_id,
        shipment_id=shipment_id(command.order_id),
        state=ShipmentState.REFUSED if undeliverable else ShipmentState.BOOKED,
        created_at=now,
        changed_at=now,
        country=country,
        lines=command.lines,
        explanation=undeliverable_message(country) if undeliverable else "",
    )


def undeliverable_message(country: str) -> str:
    """Return why a shipment is refused, in words for the customer."""
    if not country:
        return "the address names no country"
    return f'no carrier delivers to "{country}": it is not a country'


def mark_picked(shipment: Shipment | None, *, cause: str, now: str) -> Shipment | None:
    """Return the shipment after its goods were picked: DISPATCHED, unless it is held.

    ``cause`` is the id of the OrderPicked event. If the shipment has left already, the event may
    come again because ShipmentDispatched was lost. So that is reported again.
    """
    if shipment is not None and shipment.state == ShipmentState.DISPATCHED:
        return replace(shipment, reported_at=now)
    if shipment is None or shipment.state != ShipmentState.BOOKED:
        return shipment
    picked = replace(shipment, picked=True)
    return picked if shipment.held else _dispatch(picked, cause=cause, now=now)


def apply_hold(
    existing: Shipment | None, order_id: str, *, held: bool, sequence: int, cause: str, now: str
) -> Shipment:
    """Return the shipment after its order was held, or after the last hold was lifted.

    A picked shipment is dispatched when the hold is lifted. ``existing`` is None if the order has
    no shipment yet. ``sequence`` and ``cause`` are the sequence and id of the event. An event older
    than one that was applied before changes nothing.
    """
    shipment = existing or Shipment(
        order_id=order_id,
        shipment_id=shipment_id(order_id),
        state=ShipmentState.AWAITED,
        created_at=now,
        changed_at=now,
    )
    if (
        shipment.state not in (ShipmentState.AWAITED, ShipmentState.BOOKED)
        or sequence <= shipment.hold_sequence
    ):
        return shipment
    updated = replace(shipment, held=held, hold_sequence=sequence)
    may_leave = updated.picked and not held
    return _dispatch(updated, cause=cause, now=now) if may_leave else updated


def _dispatch(shipment: Shipment, *, cause: str, now: str) -> Shipment:
    return replace(shipment, state=ShipmentState.DISPATCHED, changed_at=now, cause=cause)


def merge_hold(awaited: Shipment, planned: Shipment) -> Shipment:
    """Return the planned shipment with the hold that was recorded before it was booked."""
    return replace(planned, held=awaited.held, hold_sequence=awaited.hold_sequence)


def refuse_unless_booked(shipment: Shipment) -> None:
    """Raise a refusal if the shipment is refused or cancelled.

    Raises:
        AddressUndeliverable: the shipment was refused; the message is its explanation.
        ShipmentAlreadyCancelled: the shipment was cancelled, perhaps before it was booked.
    """
    if shipment.state == ShipmentState.REFUSED:
        raise AddressUndeliverable(shipment.explanation)
    if shipment.state == ShipmentState.CANCELLED:
        raise ShipmentAlreadyCancelled(f"the shipment of order {shipment.order_id} was cancelled")


def refuse_unless_cancelled(shipment: Shipment) -> None:
    """Raise ShipmentAlreadyDispatched if the shipment was dispatched."""
    if shipment.state == ShipmentState.DISPATCHED:
        raise ShipmentAlreadyDispatched(f"the shipment of order {shipment.order_id} has left")


class NoShipmentError(Exception):
    """An order was picked that has no shipment, because it was never confirmed."""


def require_shipment(shipment: Shipment | None, order_id: str) -> Shipment:
    """Return the shipment that was picked: DISPATCHED, BOOKED while held, or CANCELLED.

    Raises:
        NoShipmentError: there is none, or it was refused.
    """
    if shipment is None or shipment.state in (ShipmentState.AWAITED, ShipmentState.REFUSED):
        raise NoShipmentError(f"order {order_id} was picked and has no shipment")
    return shipment


def event_for_change(
    before: Shipment | None, after: Shipment
) -> EventEnvelope[ShipmentDispatched] | None:
    """Return ShipmentDispatched if the change of the row is the dispatch; None otherwise.

    If the dispatch is reported again, this is the same event, with the same id.
    """
    if after.state != ShipmentState.DISPATCHED or (
        before is not None
        and before.state == ShipmentState.DISPATCHED
        and before.reported_at == after.reported_at
    ):
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

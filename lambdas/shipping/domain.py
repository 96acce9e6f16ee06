"""Where a carrier delivers to, and what a shipment answers to its order."""

from dataclasses import dataclass
from uuid import uuid5

from lambdas.contracts.event import NAMESPACE
from lambdas.contracts.shipping import SOURCE, AddressUndeliverable, BookShipment, ShipmentCancelled
from lambdas.contracts.values import Line

BOOKED, REFUSED, CANCELLED = "BOOKED", "REFUSED", "CANCELLED"

NO_COUNTRIES = frozenset({"", "unspecified", "european community"})
"""What stands for a country in order data and is none, in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """The one shipment of an order, or why there is none and never will be.

    It begins as BOOKED, REFUSED, or CANCELLED (a tombstone, when the cancellation came first). A
    BOOKED one may become CANCELLED; the other two are final. ``explanation`` is for the customer
    and says why it was refused. Times are UTC, ISO 8601.
    """

    order_id: str
    shipment_id: str
    state: str
    created_at: str
    changed_at: str
    country: str = ""
    lines: tuple[Line, ...] = ()
    explanation: str = ""


def shipment_id(order_id: str) -> str:
    """The id of the order's shipment: opaque, and the same whenever it is asked for."""
    return str(uuid5(NAMESPACE, f"{SOURCE}/{order_id}/shipment"))


def plan(command: BookShipment, *, now: str) -> Shipment:
    """The shipment that the command asks for: BOOKED, or REFUSED where no carrier goes."""
    country = command.country.strip()
    undeliverable = country.lower() in NO_COUNTRIES
    return Shipment(
        order_id=command.order_id,
        shipment_id=shipment_id(command.order_id),
        state=REFUSED if undeliverable else BOOKED,
        created_at=now,
        changed_at=now,
        country=country,
        lines=command.lines,
        explanation=no_country(country) if undeliverable else "",
    )


def no_country(country: str) -> str:
    """Why a shipment is refused, fit for a customer's eyes."""
    if not country:
        return "the address names no country"
    return f'no carrier delivers to "{country}": it is not a country'


def refuse_unless_booked(shipment: Shipment) -> None:
    """Answer an order that asked for a shipment by what that became.

    Raises:
        AddressUndeliverable: it was refused; the message is the explanation given then.
        ShipmentCancelled: it was cancelled, perhaps before it was booked.
    """
    if shipment.state == REFUSED:
        raise AddressUndeliverable(shipment.explanation)
    if shipment.state == CANCELLED:
        raise ShipmentCancelled(f"the shipment of order {shipment.order_id} was cancelled")

"""On ShipmentDispatched: take the units of its order out of the stock."""

from typing import Any

from lambdas.contracts.parsing import parse_event
from lambdas.contracts.shipping import ShipmentDispatched
from lambdas.inventory.store import Reservations
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

reservations = Reservations(
    setting("RESERVATIONS_TABLE"), stock_table=setting("STOCK_TABLE"), dynamodb=client("dynamodb")
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return SHIPPED, for a repeated event too.

    Raises:
        NothingToShipError: the order has no reserved units.
    """
    dispatched = parse_event([ShipmentDispatched], event)
    reservation = reservations.ship(dispatched.data.order_id, now=dispatched.metadata.occurred_at)
    log("stock_shipped", order_id=reservation.order_id, state=reservation.state)
    return {"order_id": reservation.order_id, "state": reservation.state}

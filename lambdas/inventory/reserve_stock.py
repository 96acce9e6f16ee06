"""ReserveStock, the saga's first action: reserve all lines of an order, or none."""

from typing import Any

from lambdas.contracts.inventory import ReserveStock
from lambdas.inventory.domain import merge_lines_by_sku, refuse_unless_reserved
from lambdas.inventory.store import Reservations
from lambdas.runtime.aws import client
from lambdas.runtime.clock import current_time
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

reservations = Reservations(
    setting("RESERVATIONS_TABLE"), stock_table=setting("STOCK_TABLE"), dynamodb=client("dynamodb")
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the reservation's state.

    Raises:
        OutOfStock: too few units are available.
        ReservationAlreadyReleased: the reservation was released, perhaps before it was made.
    """
    command = ReserveStock.decode(event)
    now = current_time()
    reservation = reservations.reserve(command.order_id, merge_lines_by_sku(command), now=now)
    log("stock_reservation_decided", order_id=reservation.order_id, state=reservation.state)
    refuse_unless_reserved(reservation)
    return {"order_id": reservation.order_id, "state": reservation.state}

"""ReleaseStock, the compensation of ReserveStock: make the order's units available again."""

from typing import Any

from lambdas.contracts.inventory import ReleaseStock
from lambdas.inventory.store import Reservations
from lambdas.runtime.aws import client
from lambdas.runtime.clock import current_time
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

reservations = Reservations(
    setting("RESERVATIONS_TABLE"), stock_table=setting("STOCK_TABLE"), dynamodb=client("dynamodb")
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the reservation's final state: RELEASED, SHIPPED, or REFUSED."""
    command = ReleaseStock.decode(event)
    reservation = reservations.release(command.order_id, now=current_time())
    log("stock_released", order_id=reservation.order_id, state=reservation.state)
    return {"order_id": reservation.order_id, "state": reservation.state}

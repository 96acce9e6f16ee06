"""The compensation of ReserveStock: give the order's stock back."""

from datetime import UTC, datetime
from typing import Any

from lambdas.contracts.inventory import ReleaseStock
from lambdas.inventory.store import Reservations
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

reservations = Reservations(
    setting("RESERVATIONS_TABLE"), stock_table=setting("STOCK_TABLE"), dynamodb=client("dynamodb")
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer RELEASED, or REFUSED when the order was out of stock and holds nothing."""
    command = ReleaseStock.decode(event)
    reservation = reservations.release(command.order_id, now=datetime.now(UTC).isoformat())
    log("stock_released", order_id=reservation.order_id, state=reservation.state)
    return {"order_id": reservation.order_id, "state": reservation.state}

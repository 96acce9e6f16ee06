"""It is known what became of an order: its reservation stays or goes accordingly."""

from datetime import UTC, datetime
from typing import Any

from lambdas.contracts.orders import parse_order_status
from lambdas.inventory.store import Reservations
from lambdas.inventory.unresolved_reservations import UnresolvedReservations, reconcile
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

table = setting("RESERVATIONS_TABLE")
reservations = Reservations(table, stock_table=setting("STOCK_TABLE"), dynamodb=client("dynamodb"))
unresolved = UnresolvedReservations(table, dynamodb=client("dynamodb"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer RELEASED, REFUSED or SHIPPED if the order is over, else RESOLVED or UNCHANGED."""
    order = parse_order_status(event)
    now = datetime.now(UTC).isoformat()
    outcome = reconcile(order, reservations=reservations, unresolved=unresolved, now=now)
    log("reservation_reconciled", order_id=order.order_id, order=order.state, outcome=outcome)
    return {"order_id": order.order_id, "order": order.state, "outcome": outcome}

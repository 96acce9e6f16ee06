"""On an order's status: release the reservation if the order is undone, keep it if confirmed."""

from typing import Any

from lambdas.contracts.orders import parse_order_status
from lambdas.inventory.store import Reservations
from lambdas.inventory.unresolved_reservations import UnresolvedReservations, reconcile
from lambdas.runtime.aws import client
from lambdas.runtime.clock import current_time
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

table = setting("RESERVATIONS_TABLE")
reservations = Reservations(table, stock_table=setting("STOCK_TABLE"), dynamodb=client("dynamodb"))
unresolved = UnresolvedReservations(table, dynamodb=client("dynamodb"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the reservation's final state, RESOLVED, or UNCHANGED: see ``reconcile``."""
    order = parse_order_status(event)
    now = current_time()
    outcome = reconcile(order, reservations=reservations, unresolved=unresolved, now=now)
    log("reservation_reconciled", order_id=order.order_id, order=order.state, outcome=outcome)
    return {"order_id": order.order_id, "order": order.state, "outcome": outcome}

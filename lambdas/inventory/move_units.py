"""On pending reservations of busy SKUs: move the units of many in one transaction."""

from typing import Any

from lambdas.inventory.batch_store import ReservationBatches
from lambdas.inventory.pending_reservations import PendingReservations
from lambdas.runtime.aws import client
from lambdas.runtime.clock import current_time
from lambdas.runtime.dead_letters import make_dead_letter_queue
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

pending = PendingReservations(
    ReservationBatches(
        setting("RESERVATIONS_TABLE"),
        stock_table=setting("STOCK_TABLE"),
        dynamodb=client("dynamodb"),
    ),
    make_dead_letter_queue(),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Decide the reservations in the changed rows; return the first record that failed."""
    outcome = pending.process(event["Records"], now=current_time())
    log("reservations_moved", **outcome.counts)
    return outcome.response

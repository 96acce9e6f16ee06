"""On pending reservations of busy SKUs: move the units of many in one transaction."""

from datetime import UTC, datetime
from typing import Any

from lambdas.contracts.times import format_time
from lambdas.inventory.batch_store import ReservationBatches
from lambdas.inventory.pending_reservations import PendingReservations
from lambdas.runtime.aws import client
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
    outcome = pending.process(event["Records"], now=format_time(datetime.now(UTC)))
    log("reservations_moved", **outcome.counts)
    return outcome.response

"""On schedule: asks what became of the orders whose stock is still set aside after long."""

from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.inventory.unresolved_reservations import StaleReservationPoller, UnresolvedReservations
from lambdas.runtime.aws import client
from lambdas.runtime.bus import Bus
from lambdas.runtime.log import log
from lambdas.runtime.scheduled import is_dry_run
from lambdas.runtime.settings import setting

poller = StaleReservationPoller(
    UnresolvedReservations(setting("RESERVATIONS_TABLE"), dynamodb=client("dynamodb")),
    Bus(setting("EVENT_BUS"), eventbridge=client("events")),
    stale_after=timedelta(seconds=int(setting("STALE_AFTER_SECONDS"))),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer how many questions were asked and rejected; a dry run, about which orders."""
    now = datetime.now(UTC)
    if is_dry_run(event):
        orders = poller.find_stale(now=now)
        log("stale_reservations_found", found=len(orders))
        return {"would_query": orders}
    outcome = poller.query_stale(now=now)
    log("stale_reservations_queried", queried=outcome.queried, rejected=outcome.rejected)
    return {"queried": outcome.queried, "rejected": outcome.rejected}

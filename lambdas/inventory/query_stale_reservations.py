"""On schedule: query the status of orders whose reservations have been unresolved for long."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from lambdas.inventory.unresolved_reservations import StaleReservationPoller, UnresolvedReservations
from lambdas.runtime.aws import client
from lambdas.runtime.bus import Bus
from lambdas.runtime.settings import setting, whole_number
from lambdas.runtime.status_queries import run_status_queries

poller = StaleReservationPoller(
    UnresolvedReservations(setting("RESERVATIONS_TABLE"), dynamodb=client("dynamodb")),
    Bus(setting("EVENT_BUS"), eventbridge=client("events")),
    stale_after=timedelta(seconds=whole_number("STALE_AFTER_SECONDS")),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the numbers of queries published and rejected; in a dry run, the orders to query."""
    now = datetime.now(UTC)
    return run_status_queries(
        event,
        "reservations",
        find=partial(poller.find_stale, now=now),
        query=partial(poller.query_stale, now=now),
    )

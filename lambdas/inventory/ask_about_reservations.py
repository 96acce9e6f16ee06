"""On schedule: asks what became of the orders whose stock is still set aside after long."""

from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.inventory.unsettled import Inquiry, Unsettled
from lambdas.runtime.aws import client
from lambdas.runtime.bus import Bus
from lambdas.runtime.log import log
from lambdas.runtime.scheduled import is_dry_run
from lambdas.runtime.settings import setting

inquiry = Inquiry(
    Unsettled(setting("RESERVATIONS_TABLE"), dynamodb=client("dynamodb")),
    Bus(setting("EVENT_BUS"), eventbridge=client("events")),
    patience=timedelta(seconds=int(setting("PATIENCE_SECONDS"))),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer how many questions were asked and rejected; a dry run, about which orders."""
    now = datetime.now(UTC)
    if is_dry_run(event):
        orders = inquiry.would_ask(now=now)
        log("reservations would be asked about", found=len(orders))
        return {"would_ask": orders}
    done = inquiry.ask(now=now)
    log("reservations asked about", asked=done.asked, rejected=done.rejected)
    return {"asked": done.asked, "rejected": done.rejected}

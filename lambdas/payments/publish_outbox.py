"""On schedule: publishes the events that the functions left behind in the outbox."""

from typing import Any

from lambdas.payments.outbox import outbox
from lambdas.runtime.log import log


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Publish what is due; return how many events were told, and how many the bus rejected.

    Raises whatever keeps it from doing so: the next run does what this one left.
    """
    swept = outbox().sweep()
    log("outbox swept", told=swept.told, rejected=swept.rejected)
    return {"told": swept.told, "rejected": swept.rejected}

"""On schedule: publishes the events that the functions left behind in the outbox."""

from typing import Any

from lambdas.payments.outbox import outbox
from lambdas.runtime.log import log
from lambdas.runtime.scheduled import is_dry_run


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Publish what is due; return how many events were told, and how many the bus rejected.

    A dry run returns which events it would tell. Raises whatever keeps it from doing so: the next
    run does what this one left.
    """
    if is_dry_run(event):
        due = outbox().due_event_ids()
        log("due_events_found", found=len(due))
        return {"would_publish": due}
    swept = outbox().sweep()
    log("outbox_swept", published=swept.published, rejected=swept.rejected)
    return {"published": swept.published, "rejected": swept.rejected}

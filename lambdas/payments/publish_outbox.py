"""On schedule: publish the events that are still in the outbox."""

from typing import Any

from lambdas.contracts.codec import MAX_NAMED
from lambdas.payments.database import Database
from lambdas.payments.outbox import UnreadableEntriesError, make_outbox
from lambdas.runtime.log import log
from lambdas.runtime.scheduled import is_dry_run

outbox = make_outbox(Database())


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Publish the due events; return how many were published and how many the bus rejected.

    A dry run returns the ids of the events that it would publish. If a run fails, the next one
    publishes the events that are left.

    Raises:
        UnreadableEntriesError: at the end, if no event can be made from some entries.
    """
    if is_dry_run(event):
        due = outbox.due_event_ids()
        log("due_events_found", found=len(due))
        return {"would_publish": due}
    swept = outbox.sweep()
    log("outbox_swept", published=swept.published, rejected=swept.rejected)
    if swept.unreadable:
        raise UnreadableEntriesError("; ".join(swept.unreadable[:MAX_NAMED]))
    return {"published": swept.published, "rejected": swept.rejected}

"""The test event of the EventBridge tutorial, which the catch-all rule must log unchanged."""

import json
from typing import Any

from demo.database import count
from demo.run import Run

SOURCE, DETAIL_TYPE = "com.aws.orders", "Order Notification"
DETAIL = {"category": "lab-supplies", "value": 415, "location": "eu-west"}


def publish_tutorial_event(run: Run) -> str:
    """Put the event on the bus; return its id."""
    answer = run.cloud.client("events").put_events(
        Entries=[
            {
                "EventBusName": run.outputs["EventBus"],
                "Source": SOURCE,
                "DetailType": DETAIL_TYPE,
                "Detail": json.dumps(DETAIL),
            }
        ]
    )
    event_id: str = answer["Entries"][0]["EventId"]
    return event_id


def logged_event(run: Run, event_id: str) -> dict[str, Any] | None:
    """Return the event from the log; None if it is not there."""
    row = run.database.execute(
        "SELECT message FROM events WHERE substr(log_id, 17) = ?", [event_id]
    ).fetchone()
    return json.loads(row[0]) if row else None


def is_logged_whole(run: Run, event_id: str) -> bool:
    """Return whether the log has the event as it was published, and no dead-letter queue has it."""
    event = logged_event(run, event_id) or {}
    return (
        event.get("source") == SOURCE
        and event.get("detail-type") == DETAIL_TYPE
        and event.get("detail") == DETAIL
        and not count(run.database, f"dead_letters WHERE instr(body, '{event_id}')")
    )

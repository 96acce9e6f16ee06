"""On schedule: publish the events of stalled orders again.

An order stalls when its event was lost, or when its saga execution died. The event is published
again under the same id. Consumers that processed it before recognise it. The saga claims the order,
or takes over the dead execution's claim, and finishes it.
"""

from datetime import UTC, datetime
from typing import Any

from lambdas.orders.events import event_for_change
from lambdas.orders.scans import OrderScans
from lambdas.orders.scheduled_job import run_job
from lambdas.orders.stalled_orders import is_stalled, reschedule_check
from lambdas.runtime.aws import client
from lambdas.runtime.bus import Bus
from lambdas.runtime.settings import setting

orders = OrderScans(setting("ORDERS_TABLE"), dynamodb=client("dynamodb"))
bus = Bus(setting("EVENT_BUS"), eventbridge=client("events"))
MAX_ORDERS = 2_000
"""The limit of a run: so many orders take some 20 s. The next run continues from there."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Publish the events of stalled orders again; return how many."""
    return run_job(event, republish_stalled, orders=orders, log_event="stalled_orders_republished")


def republish_stalled(dry_run: bool) -> dict[str, Any]:
    """Publish the stalled orders' events, then reschedule the check of every order found.

    An order whose event the bus rejects is not rescheduled, so the next run finds it again.
    """
    now = datetime.now(UTC)
    report = {"checked": 0, "published": 0, "rejected": 0}
    for page in orders.due_for_check(due=now.isoformat(), limit=MAX_ORDERS):
        stalled = [order for order in page if is_stalled(order, now=int(now.timestamp()))]
        events = [event for order in stalled if (event := event_for_change(None, order))]
        rejected = set() if dry_run else {e.data.order_id for e in bus.publish(events)}
        for order in page:
            if not dry_run and order.open_shard and order.order_id not in rejected:
                orders.replace(order, reschedule_check(order, now=now))
        report["checked"] += len(page)
        report["published"] += len(events) - len(rejected)
        report["rejected"] += len(rejected)
    return report

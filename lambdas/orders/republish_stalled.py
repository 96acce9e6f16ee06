"""On schedule: tells again of orders that nobody works on.

An order whose event was lost, or whose saga died without a word, is announced a second time under
the same event id. Whoever heard of it before recognises it; the saga claims it, or takes the dead
one's claim over, and brings the order to its end.
"""

from datetime import UTC, datetime
from typing import Any

from lambdas.orders.domain import is_stalled, reschedule_check
from lambdas.orders.events import event_for_change
from lambdas.orders.store import Orders
from lambdas.runtime.aws import client
from lambdas.runtime.bus import Bus
from lambdas.runtime.log import log
from lambdas.runtime.scheduled import is_dry_run
from lambdas.runtime.settings import setting

orders = Orders(setting("ORDERS_TABLE"), dynamodb=client("dynamodb"))
bus = Bus(setting("EVENT_BUS"), eventbridge=client("events"))
MAX_ORDERS = 2_000
"""So many orders take some 20 s; the next run goes on where this one stops."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Tell of such orders again, and put off all that were looked at; return how many.

    An order that the bus does not take is not put off: it comes in the next run. With
    ``{"dry_run": true}`` it only says what it would do. Raises UnreadableError at the end if a row
    could not be read.
    """
    now, dry_run = datetime.now(UTC), is_dry_run(event)
    report = {"dry_run": dry_run, "checked": 0, "published": 0, "rejected": 0}
    for page in orders.due_for_check(due=now.isoformat(), limit=MAX_ORDERS):
        due = [order for order in page if is_stalled(order, now=int(now.timestamp()))]
        facts = [fact for order in due if (fact := event_for_change(None, order))]
        rejected = set() if dry_run else {f.data.order_id for f in bus.publish(facts)}
        for order in page:
            if not dry_run and order.open_shard and order.order_id not in rejected:
                orders.replace(order, reschedule_check(order, now=now))
        report["checked"] += len(page)
        report["published"] += len(facts) - len(rejected)
        report["rejected"] += len(rejected)
    log("stalled orders republished", **report)
    orders.raise_if_unreadable()
    return report

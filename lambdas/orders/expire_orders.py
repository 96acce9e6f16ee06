"""On schedule: deletes orders that have been over for longer than they are to be kept."""

from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.orders.domain import is_expired
from lambdas.orders.store import Orders
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.scheduled import is_dry_run
from lambdas.runtime.settings import setting

orders = Orders(setting("ORDERS_TABLE"), dynamodb=client("dynamodb"))
RETENTION = timedelta(days=int(setting("RETENTION_DAYS")))
MAX_ORDERS = 10_000
"""So many orders take some 2 minutes; the next run goes on where this one stops."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Delete such orders, the longest over first; return how many.

    With ``{"dry_run": true}`` it only says what it would do. Raises UnreadableError at the end if a
    row could not be read.
    """
    dry_run = is_dry_run(event)
    before = (datetime.now(UTC) - RETENTION).isoformat()
    report: dict[str, Any] = {"dry_run": dry_run, "before": before, "checked": 0, "expired": 0}
    for page in orders.closed_orders(before=before, limit=MAX_ORDERS):
        due = [order for order in page if is_expired(order, before=before)]
        gone = [order.order_id for order in due if dry_run or orders.remove(order)]
        if gone:
            log("orders to expire", dry_run=dry_run, order_ids=gone)
        report["checked"] += len(page)
        report["expired"] += len(gone)
    log("orders expired", **report)
    orders.raise_if_unreadable()
    return report

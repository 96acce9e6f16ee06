"""On schedule: delete orders that ended before the retention time. A tombstone keeps their ids."""

from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.contracts.times import format_time
from lambdas.orders.domain import is_expired
from lambdas.orders.scans import OrderScans
from lambdas.orders.scheduled_job import run_job
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

orders = OrderScans(setting("ORDERS_TABLE"), dynamodb=client("dynamodb"))
RETENTION = timedelta(days=int(setting("RETENTION_DAYS")))
MAX_ORDERS = 10_000
"""The limit of a run: so many orders take some 2 minutes. The next run continues from there."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Delete expired orders, the longest ended first; return how many."""
    return run_job(event, expire_orders, orders=orders, log_event="orders_expired")


def expire_orders(dry_run: bool) -> dict[str, Any]:
    """Replace expired orders by their tombstones; return the number checked and expired."""
    now = datetime.now(UTC)
    before, at = format_time(now - RETENTION), format_time(now)
    checked = expired = 0
    for page in orders.closed_orders(before=before, limit=MAX_ORDERS):
        due = [order for order in page if is_expired(order, before=before)]
        gone = [order.order_id for order in due if dry_run or orders.expire(order, at=at)]
        if gone:
            log("expired_orders_found", dry_run=dry_run, order_ids=gone)
        checked += len(page)
        expired += len(gone)
    return {"before": before, "checked": checked, "expired": expired}

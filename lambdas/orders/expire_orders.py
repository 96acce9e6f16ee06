"""On schedule: delete orders that ended before the retention time. A tombstone keeps their ids.

Several runs may share the work, each with shards of its own.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from lambdas.contracts.codec import decode
from lambdas.contracts.times import format_time
from lambdas.orders.domain import is_expired
from lambdas.orders.scans import OrderScans
from lambdas.orders.scheduled_job import SharedRun, run_job
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting, whole_number

orders = OrderScans(setting("ORDERS_TABLE"), dynamodb=client("dynamodb"))
RETENTION = timedelta(days=whole_number("RETENTION_DAYS"))
RUNS = whole_number("EXPIRING_RUNS")
"""How many runs share the shards."""
MAX_ORDERS = 10_000
"""The limit of a run: so many orders take some 2 minutes. The next run continues from there."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Delete expired orders, the longest ended first; return how many.

    With ``{"run": n}`` as ``event``, those of one run's shards.
    """
    work = partial(expire_orders, shards=decode(SharedRun, event).shards(RUNS))
    return run_job(event, work, orders=orders, log_event="orders_expired")


def expire_orders(dry_run: bool, *, shards: Sequence[str]) -> dict[str, Any]:
    """Replace expired orders by their tombstones; return the number checked and expired."""
    now = datetime.now(UTC)
    before, at = format_time(now - RETENTION), format_time(now)
    checked = expired = 0
    for page in orders.closed_orders(before=before, limit=MAX_ORDERS, shards=shards):
        due = [order for order in page if is_expired(order, before=before)]
        gone = [order.order_id for order in due if dry_run or orders.expire(order, at=at)]
        if gone:
            log("expired_orders_found", dry_run=dry_run, order_ids=gone)
        checked += len(page)
        expired += len(gone)
    return {"before": before, "checked": checked, "expired": expired}

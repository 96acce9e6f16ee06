"""On schedule: hold or cancel orders that repeat an earlier one."""

from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.orders.checkpoint import Checkpoint
from lambdas.orders.duplicate_scan import DuplicateScan
from lambdas.orders.scans import OrderScans
from lambdas.orders.scheduled_job import run_job
from lambdas.runtime.aws import client
from lambdas.runtime.settings import setting, whole_number

orders = OrderScans(setting("ORDERS_TABLE"), dynamodb=client("dynamodb"))
checkpoint = Checkpoint(
    setting("CHECKPOINTS_TABLE"), job="resolve_duplicates", dynamodb=client("dynamodb")
)
POLICY = setting("DUPLICATE_POLICY")
DUPLICATE_WINDOW = timedelta(seconds=whole_number("DUPLICATE_WINDOW_SECONDS"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Resolve duplicates; return the number of orders by outcome.

    An order whose row cannot be read never counts as the original of a duplicate.
    """
    return run_job(event, resolve_duplicates, orders=orders, log_event="duplicates_resolved")


def resolve_duplicates(dry_run: bool) -> dict[str, Any]:
    """Run the scan once; return its report."""
    return DuplicateScan(
        orders,
        checkpoint,
        policy=POLICY,
        within=DUPLICATE_WINDOW,
        now=datetime.now(UTC),
        dry_run=dry_run,
    ).run()

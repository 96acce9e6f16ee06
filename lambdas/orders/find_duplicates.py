"""On schedule: finds orders that repeat an earlier one, and has them held or cancelled."""

from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.orders.checkpoint import Checkpoint
from lambdas.orders.duplicate_scan import DuplicateScan
from lambdas.orders.store import Orders
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.scheduled import is_dry_run
from lambdas.runtime.settings import setting

orders = Orders(setting("ORDERS_TABLE"), dynamodb=client("dynamodb"))
checkpoint = Checkpoint(
    setting("CHECKPOINTS_TABLE"), job="find_duplicates", dynamodb=client("dynamodb")
)
POLICY = setting("DUPLICATE_POLICY")
DUPLICATE_WINDOW = timedelta(seconds=int(setting("DUPLICATE_WINDOW_SECONDS")))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Settle such orders; return how many, and how many wait for what becomes of an earlier one.

    With ``{"dry_run": true}`` it only says what it would do. Raises UnreadableError at the end if a
    row could not be read: it was taken for none that is repeated.
    """
    search = DuplicateScan(
        orders,
        checkpoint,
        policy=POLICY,
        within=DUPLICATE_WINDOW,
        now=datetime.now(UTC),
        dry_run=is_dry_run(event),
    )
    report = search.run()
    log("duplicates resolved", **report)
    orders.raise_if_unreadable()
    return report

"""On schedule: finds orders that repeat an earlier one, and has them held or cancelled."""

from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.orders.deduplication import Deduplication
from lambdas.orders.progress import Progress
from lambdas.orders.store import Orders
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.scheduled import is_dry_run
from lambdas.runtime.settings import setting

orders = Orders(setting("ORDERS_TABLE"), dynamodb=client("dynamodb"))
progress = Progress(setting("PROGRESS_TABLE"), job="find_duplicates", dynamodb=client("dynamodb"))
POLICY = setting("DUPLICATES")
WITHIN = timedelta(seconds=int(setting("DUPLICATES_WITHIN_SECONDS")))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Settle such orders; return how many, and how many wait for what becomes of an earlier one.

    With ``{"dry_run": true}`` it only says what it would do. Raises UnreadableError at the end if a
    row could not be read: it was taken for none that is repeated.
    """
    search = Deduplication(
        orders,
        progress,
        policy=POLICY,
        within=WITHIN,
        now=datetime.now(UTC),
        dry_run=is_dry_run(event),
    )
    report = search.run()
    log("duplicates settled", **report)
    orders.check_read()
    return report

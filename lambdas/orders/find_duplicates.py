"""On schedule: finds orders that repeat an earlier one, and has them held or cancelled.

It goes through the orders by the periods in which they were placed, from the first that is not
done. A period is done when it is over and each order in it is settled, or when too much time has
passed to wait for the rest.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.orders.domain import DISPATCHED, Order
from lambdas.orders.duplicates import CANCEL, UndecidedError, repeated, settled
from lambdas.orders.likeness import PERIOD, begin, periods
from lambdas.orders.progress import Progress
from lambdas.orders.store import MOST_ALIKE, Orders
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.run import is_dry
from lambdas.runtime.settings import setting

orders = Orders(setting("ORDERS_TABLE"), dynamodb=client("dynamodb"))
progress = Progress(setting("PROGRESS_TABLE"), job="find_duplicates", dynamodb=client("dynamodb"))
POLICY = setting("DUPLICATES")
WITHIN = timedelta(seconds=int(setting("DUPLICATES_WITHIN_SECONDS")))
MOST, MOST_PERIODS = 10_000, 100
"""So many orders that look the same take some 2 minutes, and so many periods half a minute; the
next run goes on where this one stops.
"""
LATE = timedelta(minutes=1)
"""An order is in the index by then: its function and the index are much faster."""
GIVE_UP = timedelta(hours=1)
"""An order that is still open by then has been taken over in vain."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Settle such orders; return how many, and how many wait for what becomes of an earlier one.

    With ``{"dry_run": true}`` it only says what it would do.
    """
    now, dry_run = datetime.now(UTC), is_dry(event)
    did = Counter(kept=0, held=0, cancelled=0, too_late=0, undecided=0)
    done_until = progress.done_until() or begin(now - GIVE_UP)
    for at in periods(done_until, now)[:MOST_PERIODS]:
        all_settled = _settle(at, did, now=now, dry_run=dry_run)
        over = at + PERIOD + LATE <= now
        if at == done_until and over and (all_settled or at + PERIOD + GIVE_UP <= now):
            done_until = at + PERIOD
            if not dry_run:
                progress.advance(done_until)
    report = {"dry_run": dry_run, **did, "done_until": done_until.isoformat()}
    log("duplicates settled", **report)
    return report


def _settle(at: datetime, did: Counter[str], *, now: datetime, dry_run: bool) -> bool:
    """Settle what was placed in the period that begins then; tell whether nothing is left."""
    left = False
    for alike in orders.alike(periods(at - WITHIN, at)):
        if did.total() >= MOST:
            return False
        left |= len(alike) == MOST_ALIKE
        for i, order in enumerate(alike):
            if begin(datetime.fromisoformat(order.placed_at)) != at:
                continue
            alike[i], outcome = _judge(order, alike, now=now.isoformat(), dry_run=dry_run)
            did[outcome] += 1
            left |= outcome == "undecided"
    return not left


def _judge(order: Order, alike: Sequence[Order], *, now: str, dry_run: bool) -> tuple[Order, str]:
    """Settle the order if it repeats one of those; return what it is then, and what was done."""
    try:
        earlier = repeated(order, alike, within=WITHIN)
    except UndecidedError:
        return order, "undecided"
    if earlier is None:
        return order, "kept"
    after = settled(order, repeats=earlier, policy=POLICY, now=now)
    if not dry_run and not orders.replace(order, after):
        return order, "undecided"
    done = "cancelled" if POLICY == CANCEL else "held"
    outcome = "too_late" if order.state == DISPATCHED else done
    ids = {"order_id": order.order_id, "repeats": earlier.order_id}
    log("duplicate", outcome=outcome, dry_run=dry_run, **ids)
    return after, outcome

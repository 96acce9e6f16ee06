"""On schedule: publish the last event of stalled orders again, so that their sagas go on.

An order stalls when its event was lost, when its saga execution died, or when its saga deferred it.
The event is published again under the same id, and consumers that processed it before ignore it.
The saga claims the order, or takes over the dead execution's claim, and finishes it. The event of a
confirmed order that was not dispatched in time is published again as well. If an order stays
stalled for too long, an operator is notified.

Several runs may share the work, each with shards of its own. How many orders one resumes depends on
how many went on before: see ``resumption.py``. The first run also counts the open orders: see
``admission.py``.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from time import sleep
from typing import Any

from lambdas.contracts.codec import decode
from lambdas.contracts.times import format_time
from lambdas.orders.backlog import BacklogStore
from lambdas.orders.domain import Order
from lambdas.orders.events import event_for_change
from lambdas.orders.resumption import LOOK_AGAIN, RUN_FOR, next_limit, next_page_after
from lambdas.orders.scans import SHARDS, OrderScans
from lambdas.orders.scheduled_job import SharedRun, run_job
from lambdas.orders.stalled_orders import (
    is_stalled,
    is_undispatched,
    needs_attention,
    request_attention,
    reschedule_check,
)
from lambdas.runtime.aws import client
from lambdas.runtime.bus import Bus
from lambdas.runtime.metrics import put_metrics
from lambdas.runtime.settings import setting, whole_number

orders = OrderScans(setting("ORDERS_TABLE"), dynamodb=client("dynamodb"))
bus = Bus(setting("EVENT_BUS"), eventbridge=client("events"))
backlog = BacklogStore(setting("CHECKPOINTS_TABLE"), dynamodb=client("dynamodb"))
ENVIRONMENT = setting("ENVIRONMENT")
DISPATCH_WITHIN = timedelta(seconds=whole_number("DISPATCH_WITHIN_SECONDS"))
AT_FIRST = whole_number("RESUMED_PER_MINUTE")
"""How many orders all runs of a minute resume together, before it is known how that goes."""
RUNS = whole_number("RESUMING_RUNS")
"""How many runs share the shards."""
BEFORE = timedelta(minutes=1)
"""A run begins every minute. It resumes orders according to how many went on since the last one."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Publish the last events of stalled orders again; return how many.

    With ``{"run": n}`` as ``event``, those of one run's shards.
    """
    work = partial(republish_stalled, shared=decode(SharedRun, event))
    return run_job(event, work, orders=orders, log_event="stalled_orders_republished")


def republish_stalled(dry_run: bool, *, shared: SharedRun) -> dict[str, Any]:
    """Count open orders, publish the stalled orders' events, and schedule the next checks.

    While orders are deferred, the run waits for those that are due before its end.

    An order whose event the bus rejects is not rescheduled, so the next run finds it again. The
    same holds for an order for which this run requests an operator's attention.
    """
    now = datetime.now(UTC)
    # Counted first, so that a run which times out has counted. The next one does the rest.
    counts = {} if shared.run else count_orders(now, dry_run=dry_run)
    shards = shared.shards(RUNS)
    deferred = counts["deferred"] if shards == SHARDS else orders.count_deferred(shards)
    went_on = deferred and orders.count_went_on(
        since=now - BEFORE, dispatch_within=DISPATCH_WITHIN, shards=shards
    )
    limit = next_limit(went_on=went_on, least=AT_FIRST * len(shards) // len(SHARDS))
    report = {"checked": 0, "published": 0, "rejected": 0, "attention": 0, **counts}
    look: datetime | None = now
    while look:
        left = limit - report["checked"]
        for page in orders.due_for_check(due=format_time(look), limit=left, shards=shards):
            for name, count in _republish(page, now=look, dry_run=dry_run).items():
                report[name] += count
            next_page = next_page_after(report["checked"], limit=limit, run_for=RUN_FOR)
            if not dry_run:
                _sleep_until(now + next_page)
            if datetime.now(UTC) - now >= RUN_FOR:
                return report
        waits = deferred and not dry_run and report["checked"] < limit
        look = _next_look(look, end=now + RUN_FOR, shards=shards) if waits else None
    return report


def _republish(page: Sequence[Order], *, now: datetime, dry_run: bool) -> dict[str, int]:
    """Publish the events of a page's stalled orders again; return the counts to report."""
    urgent = [order for order in page if _is_urgent(order, now)]
    if not dry_run:
        for order in urgent:
            orders.replace(order, request_attention(order, now=format_time(now)))
    others = [order for order in page if order not in urgent]
    late = [order for order in others if _is_late(order, now)]
    events = [event for order in late if (event := event_for_change(None, order))]
    rejected = set() if dry_run else {e.data.order_id for e in bus.publish(events)}
    for order in others:
        skipped = order.order_id in rejected or not order.open_shard
        if not dry_run and not skipped:
            after = reschedule_check(order, now=now, dispatch_within=DISPATCH_WITHIN)
            orders.replace(order, after)
    return {
        "checked": len(page),
        "attention": len(urgent),
        "published": len(events) - len(rejected),
        "rejected": len(rejected),
    }


def _next_look(last: datetime, *, end: datetime, shards: Sequence[str]) -> datetime | None:
    """Wait for the time to look again, and return it; None if no order is due before the end."""
    look = last + LOOK_AGAIN
    times = {"after": format_time(last), "before": format_time(end)}
    if look >= end or not orders.any_due(**times, shards=shards):
        return None
    _sleep_until(look)
    return look


def _sleep_until(then: datetime) -> None:
    sleep(max((then - datetime.now(UTC)).total_seconds(), 0))


def count_orders(now: datetime, *, dry_run: bool) -> dict[str, int]:
    """Count the open and the deferred orders.

    Write the counts as metrics, and store the backlog.
    """
    counts = {"open": orders.count_open(), "deferred": orders.count_deferred()}
    if not dry_run:
        backlog.write(counts["open"], now=now)
        metrics = {f"{name.capitalize()}Orders": count for name, count in counts.items()}
        put_metrics("Orders", {"Environment": ENVIRONMENT}, **metrics)
    return counts


def _is_late(order: Order, now: datetime) -> bool:
    return is_stalled(order, now=int(now.timestamp())) or is_undispatched(order)


def _is_urgent(order: Order, now: datetime) -> bool:
    return _is_late(order, now) and needs_attention(order, now=now, dispatch_within=DISPATCH_WITHIN)

"""The demo, which plays an export through the platform and shows what became of it."""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from demo import (
    api_client,
    disputes,
    invariants,
    notifications,
    order_driver,
    read_side,
    report,
    resharding,
)
from demo.deployment import deploy_app
from demo.disputes import Disputes
from demo.fault_injection import FAULTS_WHILE_DISPATCHING, FAULTS_WHILE_PLACING, FaultInjection
from demo.notifications import Notifications
from demo.read_side import ReadSide
from demo.report import Screen, bar
from demo.resharding import Resharding
from demo.snapshot import SCHEMA, Snapshot
from demo.view_rebuild import RebuiltView, rebuild_views
from demo.workers import running_workers
from emulator.cloud import Cloud, running

STALL_TIMEOUT = 60.0
"""Seconds without any order ending, or any event being logged, after which the rest is given up."""
CHECKS = (
    *invariants.CHECKS,
    *invariants.QUIESCENT_CHECKS,
    *read_side.CHECKS,
    *notifications.CHECKS,
)
NOTIFICATION = {"category": "lab-supplies", "value": 415, "location": "eu-west"}
"""The detail of the EventBridge tutorial's test event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run on a cloud, and all that it is made with."""

    cloud: Cloud
    outputs: Mapping[str, str]
    database: sqlite3.Connection
    snapshot: Snapshot
    read_side: ReadSide
    notifications: Notifications
    resharding: Resharding | None
    api: api_client.ApiClient
    customers: api_client.Customers
    stop: threading.Event


def run_demo(orders: Path, *, port: int | None) -> int:
    """Play an export through the platform and show what became of it; 1 if a promise is broken."""
    screen = Screen()
    began = time.monotonic()
    screen.title(f"{orders.name} on a local cloud")
    with ExitStack() as stack:
        with screen.phase("starting") as note:
            cloud = stack.enter_context(running(port=port))
            note(cloud.endpoint)
        database = stack.enter_context(closing(open_database(cloud.directory / "run.sqlite3")))
        with screen.phase("reading") as note:
            note(f"{order_driver.load_orders(orders, database):,} orders")
        outputs = show_deployment(cloud, screen)
        kept = run_export(cloud, outputs, database, screen)
    screen.say(f"\n  {time.monotonic() - began:.1f} s in all")
    return 0 if kept else 1


def run_export(
    cloud: Cloud,
    outputs: Mapping[str, str],
    database: sqlite3.Connection,
    screen: Screen,
    *,
    name: str = "delivery",
    with_faults: bool = True,
) -> bool:
    """Play what the database took in through the platform; return whether all promises were kept.

    ``name`` tells the export's deliveries from those of others that the same cloud has seen.
    ``with_faults`` has a few things fail on purpose, the order stream resharded and
    the views made afresh.
    """
    run = create_run(cloud, outputs, database, reshard=with_faults)
    faults = FaultInjection(cloud) if with_faults else None
    with (
        run.snapshot.listening(f"{name}-announcements"),
        run.read_side.listening(f"{name}-facts"),
        ExitStack() as stack,
    ):
        _place_orders(run, screen, name, faults)
        disputed = Disputes(cloud, outputs, database)
        with screen.phase("disputing payments") as note:
            disputed.open_disputes(note)
        with screen.phase("picking, dispatching") as note:
            stack.enter_context(running_workers(cloud, outputs))
            with faults.active(FAULTS_WHILE_DISPATCHING) if faults else nullcontext():
                disputed.lift_holds(note, headway=partial(_logged, run))
            if faults:
                faults.redrive_all(note)
                run.snapshot.gather_dead_letters()
            _await_departures(run, note)
        with screen.phase("checking") as note:
            notification = _publish_notification(run)
            violations = _violations(run, notification)
            note(f"{len(CHECKS)} rules")
        views = _rebuild(run, screen) if with_faults else ()
    whole = _is_whole(run, notification)
    disputes_succeeded = disputes.succeeded(database)
    resharded = run.resharding is None or run.resharding.completed()
    report.show_orders(screen, database, _explanations(run))
    report.show_refused(screen, database)
    report.show_events(
        screen,
        database,
        run.outputs["EventLogGroup"],
        "arrived whole, parked nowhere" if whole else screen.paint("BROKEN", report.RED),
    )
    disputes.show(screen, database)
    report.show_stock(screen, database)
    report.show_views(
        screen,
        database,
        resharded=resharded if with_faults else None,
        rebuilt=views,
    )
    notifications.show(screen, database)
    report.show_ledger_and_stock(screen, database)
    if faults:
        faults.show(screen)
    report.show_invariants(screen, violations)
    well = faults is None or faults.succeeded
    equal = all(view.equal for view in views)
    return whole and disputes_succeeded and resharded and well and equal and not violations


def open_database(path: Path) -> sqlite3.Connection:
    """A new database for all that a run remembers and finds."""
    database = sqlite3.connect(path)
    # It goes with the run: nothing in it is worth waiting for the disk.
    database.executescript("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;")
    database.executescript(order_driver.SCHEMA + SCHEMA + read_side.SCHEMA)
    database.executescript(resharding.SCHEMA + disputes.SCHEMA + notifications.SCHEMA)
    return database


def show_deployment(cloud: Cloud, screen: Screen) -> dict[str, str]:
    """Deploy the app, and show it; the outputs of all its stacks."""
    with screen.phase("deploying") as note:
        outputs = deploy_app(
            cloud, progress=lambda line: note(line.strip()) if line.strip() else None
        )
        note(f"{len(outputs)} outputs")
    return outputs


def create_run(
    cloud: Cloud, outputs: Mapping[str, str], database: sqlite3.Connection, *, reshard: bool
) -> Run:
    """What a run needs; only one on a cloud can ``reshard``."""
    customers = api_client.create_customers(cloud, outputs)
    stop = threading.Event()
    http = api_client.http(cloud)
    api = partial(api_client.ApiClient, customers=customers, http=http, sleep=stop.wait)
    return Run(
        cloud=cloud,
        outputs=outputs,
        database=database,
        snapshot=Snapshot(cloud, outputs, database),
        read_side=ReadSide(cloud, outputs, database),
        resharding=Resharding(cloud, outputs, database) if reshard else None,
        notifications=Notifications(cloud, outputs, database, api=api(outputs["NotificationsUrl"])),
        api=api(outputs["ApiUrl"]),
        customers=customers,
        stop=stop,
    )


def _place_orders(run: Run, screen: Screen, name: str, faults: FaultInjection | None) -> None:
    """Stock the shelves, sign the customers in, send the orders, and wait until all have ended."""
    with screen.phase("stocking shelves") as note:
        skus, units = order_driver.deliver_stock(
            run.cloud, run.outputs["ReceiveStockFunction"], run.database, name=name
        )
        note(f"{skus:,} SKUs, {units:,} units")
    with screen.phase("admitting customers") as note:
        (total,) = run.database.execute("SELECT count(DISTINCT customer) FROM invoices").fetchone()
        names = run.database.execute("SELECT DISTINCT customer FROM invoices")

        def sign_up(row: Sequence[str]) -> str | None:
            run.customers.sign_up(row[0])
            return run.notifications.register(row[0])

        admitted = order_driver.map_in_threads(sign_up, names, stop=run.stop)
        for done, _ in enumerate(run.notifications.reached(admitted), 1):
            note(bar(done, total))
    with (
        screen.phase("placing, cancelling") as note,
        run.read_side.watching() as watch,
        ExitStack() as failing,
    ):
        (total,) = run.database.execute(
            "SELECT (SELECT count(*) FROM invoices) + (SELECT count(*) FROM cancellations)"
        ).fetchone()

        def ended() -> int:
            run.snapshot.gather_events()
            # An order that is withdrawn has ended once before, and will end once more.
            (count,) = run.database.execute(
                """SELECT coalesce(sum(CASE detail_type WHEN 'OrderWithdrawn' THEN -1 ELSE 1 END),
                    0) FROM events WHERE detail_type IN
                    ('OrderConfirmed', 'OrderRejected', 'OrderWithdrawn', 'OrderCancelled')"""
            ).fetchone()
            return int(count)

        before = ended()
        limiter = order_driver.InFlightLimiter(lambda: ended() - before)
        sent = order_driver.submit_orders(run.api, run.database, limiter=limiter, stop=run.stop)
        for done, _ in enumerate(sent, 1):
            note(bar(done, total))
            watch.follow(run.database)
            if run.resharding:
                run.resharding.advance(done / total)
            # Not sooner: what fails keeps its place among those few that may be under way.
            if faults and done == total // 3:
                failing.enter_context(faults.active(FAULTS_WHILE_PLACING))
    with screen.phase("fulfilling") as note:
        (total,) = run.database.execute("SELECT count(*) FROM accepted").fetchone()

        def still_open() -> int:
            run.snapshot.gather_orders()
            run.snapshot.gather_dead_letters()
            (count,) = run.database.execute(
                """SELECT count(*) FROM accepted WHERE order_id NOT IN (
                    SELECT order_id FROM orders
                    WHERE state IN ('CONFIRMED', 'DISPATCHED', 'REJECTED', 'CANCELLED')
                    UNION SELECT order_id FROM stuck_orders
                )"""
            ).fetchone()
            note(bar(total - count, total))
            return int(count)

        _wait_until_none(still_open)


def _logged(run: Run) -> int:
    """How many events have been logged so far."""
    run.snapshot.gather_events()
    (count,) = run.database.execute("SELECT count(*) FROM events").fetchone()
    return int(count)


def _await_departures(run: Run, note: report.Note) -> None:
    """Wait until every order has left, or has come to another end."""

    def still_here() -> int:
        # The log is read on from where it was read to: to look at all tables, again and again,
        # would take the time from those who do the work.
        run.snapshot.gather_events()
        left, others, total = run.database.execute(
            """SELECT count(DISTINCT CASE detail_type WHEN 'OrderDispatched' THEN order_id END),
                count(DISTINCT CASE WHEN detail_type IN ('OrderRejected', 'OrderCancelled')
                    THEN order_id END),
                (SELECT count(*) FROM accepted
                    WHERE order_id NOT IN (SELECT order_id FROM stuck_orders))
            FROM events JOIN accepted USING (order_id)"""
        ).fetchone()
        note(bar(left, total - others))
        return int(total - others - left)

    _wait_until_none(still_here)


def _wait_until_none(left: Callable[[], int]) -> None:
    """Ask how many are left until it is none, or until no more have gone for a while."""
    least, since = left(), time.monotonic()
    while least and time.monotonic() - since < STALL_TIMEOUT:
        began = time.monotonic()
        now = left()
        if now < least:
            least, since = now, time.monotonic()
        # Twice as long as the question took: most of the machine is for what is being waited for.
        time.sleep(max(0.2, 2 * (time.monotonic() - began)))


def _publish_notification(run: Run) -> str:
    """Publish the tutorial's test event; return its id."""
    answer = run.cloud.client("events").put_events(
        Entries=[
            {
                "EventBusName": run.outputs["EventBus"],
                "Source": "com.aws.orders",
                "DetailType": "Order Notification",
                "Detail": json.dumps(NOTIFICATION),
            }
        ]
    )
    event_id: str = answer["Entries"][0]["EventId"]
    return event_id


def _violations(run: Run, notification: str) -> list[invariants.Violation]:
    """What breaks a promise when all has been heard: views and the log are a moment behind."""
    found: list[invariants.Violation] = []

    def still_violated() -> int:
        run.snapshot.gather()
        run.snapshot.gather_dead_letters()
        run.snapshot.gather_events()
        run.read_side.gather()
        run.notifications.gather()
        found[:] = invariants.find_violations(run.database, CHECKS)
        return len(found) + (not _found(run, notification))

    _wait_until_none(still_violated)
    return found


def _rebuild(run: Run, screen: Screen) -> list[RebuiltView]:
    """Make the views afresh, beside those that were found right."""
    views: list[RebuiltView] = []
    with screen.phase("rebuilding views") as note:
        for view in rebuild_views(run.cloud):
            views.append(view)
            note(", ".join(view.view for view in views))
    return views


def _found(run: Run, event_id: str) -> dict[str, Any] | None:
    row = run.database.execute(
        "SELECT message FROM events WHERE substr(log_id, 17) = ?", [event_id]
    ).fetchone()
    return json.loads(row[0]) if row else None


def _is_whole(run: Run, event_id: str) -> bool:
    """Whether the test event was logged as it was published, and stands on no queue."""
    event = _found(run, event_id) or {}
    (parked,) = run.database.execute(
        "SELECT count(*) FROM parked WHERE instr(body, ?)", [event_id]
    ).fetchone()
    return (
        event.get("source") == "com.aws.orders"
        and event.get("detail-type") == "Order Notification"
        and event.get("detail") == NOTIFICATION
        and not parked
    )


def _explanations(run: Run) -> dict[str, str]:
    """For each reason of a rejection, what the API tells one of the customers."""
    examples = run.database.execute(
        """SELECT reason, min(orders.order_id), customer FROM orders
        JOIN accepted USING (order_id) JOIN invoices ON invoices.number = accepted.invoice
        WHERE state = 'REJECTED' GROUP BY reason"""
    ).fetchall()
    return {
        reason: str(run.api.order(order_id, customer=customer).body.get("explanation", ""))
        for reason, order_id, customer in examples
    }

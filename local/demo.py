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

from local import disputes, http_api, notices, read_side, report, resharding, shop, verify
from local.cloud import Cloud, running
from local.deploy import deploy
from local.disputes import Disputes
from local.evidence import SCHEMA, Evidence
from local.mishaps import WHILE_DISPATCHED, WHILE_PLACED, Mishaps
from local.notices import Notices
from local.read_side import ReadSide
from local.rebuilding import Rebuilt, rebuilt
from local.report import Screen, bar
from local.resharding import Resharding
from local.warehouse import working

PATIENCE = 60.0
"""Seconds without any order ending, or any event being logged, after which the rest is given up."""
RULES = (*verify.RULES, *verify.SETTLED, *read_side.RULES, *notices.RULES)
NOTIFICATION = {"category": "lab-supplies", "value": 415, "location": "eu-west"}
"""The detail of the EventBridge tutorial's test event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run on a cloud, and all that it is made with."""

    cloud: Cloud
    outputs: Mapping[str, str]
    database: sqlite3.Connection
    evidence: Evidence
    read_side: ReadSide
    notices: Notices
    resharding: Resharding | None
    api: http_api.Api
    customers: http_api.Customers
    stop: threading.Event


def demo(orders: Path, *, port: int | None) -> int:
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
            note(f"{shop.take_in(orders, database):,} orders")
        outputs = deployed(cloud, screen)
        kept = carry_out(cloud, outputs, database, screen)
    screen.say(f"\n  {time.monotonic() - began:.1f} s in all")
    return 0 if kept else 1


def carry_out(
    cloud: Cloud,
    outputs: Mapping[str, str],
    database: sqlite3.Connection,
    screen: Screen,
    *,
    name: str = "delivery",
    more: bool = True,
) -> bool:
    """Play what the database took in through the platform; return whether all promises were kept.

    ``name`` tells the export's deliveries from those of others that the same cloud has seen.
    ``more`` has a few things fail on purpose, the order stream resharded and the views made afresh.
    """
    run = run_on(cloud, outputs, database, reshard=more)
    mishaps = Mishaps(cloud) if more else None
    with (
        run.evidence.listening(f"{name}-announcements"),
        run.read_side.listening(f"{name}-facts"),
        ExitStack() as stack,
    ):
        _play(run, screen, name, mishaps)
        disputed = Disputes(cloud, outputs, database)
        with screen.phase("disputing payments") as note:
            disputed.tell(note)
        with screen.phase("picking, dispatching") as note:
            stack.enter_context(working(cloud, outputs))
            with mishaps.happening(WHILE_DISPATCHED) if mishaps else nullcontext():
                disputed.lift(note, headway=partial(_logged, run))
            if mishaps:
                mishaps.put_back(note)
                run.evidence.gather_parked()
            _await_departures(run, note)
        with screen.phase("checking") as note:
            notification = _publish_notification(run)
            violations = _violations(run, notification)
            note(f"{len(RULES)} rules")
        views = _rebuild(run, screen) if more else ()
    whole = _is_whole(run, notification)
    settled = disputes.all_went_well(database)
    resharded = run.resharding is None or run.resharding.there_and_back()
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
        resharded=resharded if more else None,
        rebuilt=views,
    )
    notices.show(screen, database)
    report.show_books(screen, database)
    if mishaps:
        mishaps.show(screen)
    report.show_promises(screen, violations)
    well = mishaps is None or mishaps.all_went_well
    equal = all(view.equal for view in views)
    return whole and settled and resharded and well and equal and not violations


def open_database(path: Path) -> sqlite3.Connection:
    """A new database for all that a run remembers and finds."""
    database = sqlite3.connect(path)
    # It goes with the run: nothing in it is worth waiting for the disk.
    database.executescript("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;")
    database.executescript(shop.SCHEMA + SCHEMA + read_side.SCHEMA)
    database.executescript(resharding.SCHEMA + disputes.SCHEMA + notices.SCHEMA)
    return database


def deployed(cloud: Cloud, screen: Screen) -> dict[str, str]:
    """Deploy the app, and show it; the outputs of all its stacks."""
    with screen.phase("deploying") as note:
        outputs = deploy(cloud, progress=lambda line: note(line.strip()) if line.strip() else None)
        note(f"{len(outputs)} outputs")
    return outputs


def run_on(
    cloud: Cloud, outputs: Mapping[str, str], database: sqlite3.Connection, *, reshard: bool
) -> Run:
    """What a run needs; only one on a cloud can ``reshard``."""
    customers = http_api.customers_of(cloud, outputs)
    stop = threading.Event()
    http = http_api.http(cloud)
    api = partial(http_api.Api, customers=customers, http=http, sleep=stop.wait)
    return Run(
        cloud=cloud,
        outputs=outputs,
        database=database,
        evidence=Evidence(cloud, outputs, database),
        read_side=ReadSide(cloud, outputs, database),
        resharding=Resharding(cloud, outputs, database) if reshard else None,
        notices=Notices(cloud, outputs, database, api=api(outputs["NotificationsUrl"])),
        api=api(outputs["ApiUrl"]),
        customers=customers,
        stop=stop,
    )


def _play(run: Run, screen: Screen, name: str, mishaps: Mishaps | None) -> None:
    """Stock the shelves, sign the customers in, send the orders, and wait until all have ended."""
    with screen.phase("stocking shelves") as note:
        skus, units = shop.stock_shelves(
            run.cloud, run.outputs["ReceiveStockFunction"], run.database, name=name
        )
        note(f"{skus:,} SKUs, {units:,} units")
    with screen.phase("admitting customers") as note:
        (total,) = run.database.execute("SELECT count(DISTINCT customer) FROM invoices").fetchone()
        names = run.database.execute("SELECT DISTINCT customer FROM invoices")

        def admit(row: Sequence[str]) -> str | None:
            run.customers.admit(row[0])
            return run.notices.register(row[0])

        admitted = shop.in_threads(admit, names, stop=run.stop)
        for done, _ in enumerate(run.notices.reached(admitted), 1):
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
            run.evidence.gather_events()
            # An order that is withdrawn has ended once before, and will end once more.
            (count,) = run.database.execute(
                """SELECT coalesce(sum(CASE detail_type WHEN 'OrderWithdrawn' THEN -1 ELSE 1 END),
                    0) FROM events WHERE detail_type IN
                    ('OrderConfirmed', 'OrderRejected', 'OrderWithdrawn', 'OrderCancelled')"""
            ).fetchone()
            return int(count)

        before = ended()
        pace = shop.Pace(lambda: ended() - before)
        sent = shop.send_all(run.api, run.database, pace=pace, stop=run.stop)
        for done, _ in enumerate(sent, 1):
            note(bar(done, total))
            watch.follow(run.database)
            if run.resharding:
                run.resharding.go_on(done / total)
            # Not sooner: what fails keeps its place among those few that may be under way.
            if mishaps and done == total // 3:
                failing.enter_context(mishaps.happening(WHILE_PLACED))
    with screen.phase("fulfilling") as note:
        (total,) = run.database.execute("SELECT count(*) FROM accepted").fetchone()

        def still_open() -> int:
            run.evidence.gather_orders()
            run.evidence.gather_parked()
            (count,) = run.database.execute(
                """SELECT count(*) FROM accepted WHERE order_id NOT IN (
                    SELECT order_id FROM orders
                    WHERE state IN ('CONFIRMED', 'DISPATCHED', 'REJECTED', 'CANCELLED')
                    UNION SELECT order_id FROM standing
                )"""
            ).fetchone()
            note(bar(total - count, total))
            return int(count)

        _until_none(still_open)


def _logged(run: Run) -> int:
    """How many events have been logged so far."""
    run.evidence.gather_events()
    (count,) = run.database.execute("SELECT count(*) FROM events").fetchone()
    return int(count)


def _await_departures(run: Run, note: report.Note) -> None:
    """Wait until every order has left, or has come to another end."""

    def still_here() -> int:
        # The log is read on from where it was read to: to look at all tables, again and again,
        # would take the time from those who do the work.
        run.evidence.gather_events()
        left, others, total = run.database.execute(
            """SELECT count(DISTINCT CASE detail_type WHEN 'OrderDispatched' THEN order_id END),
                count(DISTINCT CASE WHEN detail_type IN ('OrderRejected', 'OrderCancelled')
                    THEN order_id END),
                (SELECT count(*) FROM accepted
                    WHERE order_id NOT IN (SELECT order_id FROM standing))
            FROM events JOIN accepted USING (order_id)"""
        ).fetchone()
        note(bar(left, total - others))
        return int(total - others - left)

    _until_none(still_here)


def _until_none(left: Callable[[], int]) -> None:
    """Ask how many are left until it is none, or until no more have gone for a while."""
    least, since = left(), time.monotonic()
    while least and time.monotonic() - since < PATIENCE:
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


def _violations(run: Run, notification: str) -> list[verify.Violation]:
    """What breaks a promise when all has been heard: views and the log are a moment behind."""
    found: list[verify.Violation] = []

    def unsettled() -> int:
        run.evidence.gather()
        run.evidence.gather_parked()
        run.evidence.gather_events()
        run.read_side.gather()
        run.notices.gather()
        found[:] = verify.violations(run.database, RULES)
        return len(found) + (not _found(run, notification))

    _until_none(unsettled)
    return found


def _rebuild(run: Run, screen: Screen) -> list[Rebuilt]:
    """Make the views afresh, beside those that were found right."""
    views: list[Rebuilt] = []
    with screen.phase("rebuilding views") as note:
        for view in rebuilt(run.cloud):
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

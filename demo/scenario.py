"""The demo: sends an export through the platform, and shows the result."""

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path

from demo import (
    disputes,
    duplicates,
    notifications,
    offers,
    phases,
    report,
    view_report,
)
from demo.console import running_console
from demo.database import count
from demo.disputes import Disputes
from demo.duplicates import Duplicates
from demo.fault_injection import FaultInjection
from demo.guide import explain
from demo.invariants import Violation
from demo.order_book import load_orders
from demo.run import Run, create_run, open_database, show_deployment
from demo.screen import RED, Screen
from demo.tutorial_event import is_logged_whole, logged_event, publish_tutorial_event
from demo.verification import CHECKS, verify
from demo.view_rebuild import RebuiltView, rebuild_views
from demo.workers import running_every_group, serve_until_interrupted
from emulator.cloud import Cloud, running

MIN_ORDERS_TO_RESHARD = 10
"""The fewest orders that flow long enough for the order stream to be resharded meanwhile."""


def run_demo(orders: Path, *, port: int | None, keep: bool) -> int:
    """Send an export through a new local cloud; return 0, or 1 if a promise is broken.

    With `keep`, the platform keeps running with these orders until Ctrl-C.
    """
    screen = Screen()
    began = time.monotonic()
    screen.title(f"{orders.name} on a local cloud")
    with ExitStack() as stack:
        with screen.phase("starting") as note:
            cloud = stack.enter_context(running(port=port))
            note(cloud.endpoint)
        database = stack.enter_context(closing(open_database(cloud.directory / "run.sqlite3")))
        with screen.phase("reading") as note:
            note(f"{load_orders(orders, database):,} orders")
        outputs = show_deployment(cloud, screen)
        use = partial(_use_until_interrupted, screen=screen) if keep else None
        kept = run_export(cloud, outputs, database, screen, use=use)
    screen.say()
    screen.say(f"  {time.monotonic() - began:.1f} s in all")
    return 0 if kept else 1


def run_export(
    cloud: Cloud,
    outputs: Mapping[str, str],
    database: sqlite3.Connection,
    screen: Screen,
    *,
    name: str = "delivery",
    with_faults: bool = True,
    use: Callable[[Run], None] | None = None,
) -> bool:
    """Send the loaded orders through the platform; return whether all promises were kept.

    Args:
        cloud: The local cloud.
        outputs: The outputs of the deployed stacks.
        database: The run's database, with the orders in it.
        screen: Where to show what happens.
        name: The start of the deliveries' ids; different for each export on the same cloud.
        with_faults: Whether to inject faults, reshard the order stream and rebuild the views.
        use: Called at the end, when the result has been shown.
    """
    enough = count(database, "invoices") >= MIN_ORDERS_TO_RESHARD
    run = create_run(cloud, outputs, database, reshard=with_faults and enough)
    faults = FaultInjection(cloud) if with_faults else None
    with (
        run.snapshot.listening(f"{name}-stock-events"),
        run.read_side.listening(f"{name}-order-events"),
        ExitStack() as stack,
    ):
        phases.deliver_demand(run, screen, name)
        phases.fill_catalogue(run, screen)
        phases.register_customers(run, screen)
        phases.tamper_with_prices(run, screen)
        phases.submit_orders(run, screen, faults)
        phases.await_sagas(run, screen)
        repeated = Duplicates(cloud, outputs, database, api=run.api)
        phases.resolve_duplicates(run, screen, repeated)
        disputed = Disputes(cloud, outputs, database)
        with screen.phase("disputing payments") as note:
            disputed.open_disputes(note)
        with screen.phase("picking, dispatching") as note:
            stack.enter_context(running_every_group(cloud))
            with phases.faults_while_dispatching(run, faults):
                disputed.lift_holds(note, progress=partial(phases.count_events, run))
            if faults:
                faults.redrive_all(note)
                run.snapshot.gather_dead_letters()
            repeated.find(note)
            phases.await_dispatch(run, note, repeated)
        with screen.phase("checking") as note:
            event_id = publish_tutorial_event(run)
            repeated.find(note)
            violations = verify(run, repeated, missing=lambda: not logged_event(run, event_id))
            note(f"{len(CHECKS)} rules")
        views = _rebuild_views(run, screen) if with_faults else []
    kept = _show_outcome(
        run, screen, event_id=event_id, violations=violations, views=views, faults=faults
    )
    if use:
        use(run)
    return kept


def _use_until_interrupted(run: Run, screen: Screen) -> None:
    """Print how to use the platform, and leave it running until Ctrl-C."""
    customer, sku, price = run.database.execute(
        """SELECT customer, line ->> 'sku', line ->> 'unit_price'
        FROM (SELECT customer, lines -> '$[0]' AS line FROM invoices
            JOIN accepted ON invoice = number)
        LEFT JOIN stock ON sku = line ->> 'sku' ORDER BY available DESC LIMIT 1"""
    ).fetchone()
    with running_console(run.cloud, screen) as console, suppress(KeyboardInterrupt):
        explained = partial(
            explain, run, screen, customer=customer, line=(sku, int(price)), console=console
        )
        serve_until_interrupted(run.cloud, screen.say, ready=explained)


def _rebuild_views(run: Run, screen: Screen) -> list[RebuiltView]:
    views: list[RebuiltView] = []
    with screen.phase("rebuilding views") as note:
        for view in rebuild_views(run.cloud):
            views.append(view)
            note(", ".join(view.view for view in views))
    return views


def _show_outcome(
    run: Run,
    screen: Screen,
    *,
    event_id: str,
    violations: Sequence[Violation],
    views: Sequence[RebuiltView],
    faults: FaultInjection | None,
) -> bool:
    """Show the result of the run; return whether everything is as it must be."""
    database = run.database
    whole = is_logged_whole(run, event_id)
    resharded = run.resharding.completed() if run.resharding else None
    report.show_orders(screen, database, _explanations(run))
    offers.show(screen, database)
    report.show_rejections(screen, database)
    report.show_events(
        screen,
        database,
        run.outputs["EventLogGroup"],
        "logged whole, in no dead-letter queue" if whole else screen.paint("BROKEN", RED),
    )
    disputes.show(screen, database)
    duplicates.show(screen, database)
    view_report.show_stock(screen, database)
    view_report.show_views(screen, database, resharded=resharded, rebuilt=views)
    notifications.show(screen, database)
    report.show_ledger_and_stock(screen, database)
    if faults:
        faults.show(screen)
    report.show_invariants(screen, violations)
    return (
        whole
        and disputes.succeeded(database)
        and offers.succeeded(database)
        and resharded is not False
        and (faults is None or faults.succeeded)
        and all(view.equal for view in views)
        and not violations
    )


def _explanations(run: Run) -> dict[str, str]:
    """Return an example of the API's explanation for each reason of a rejection."""
    examples = run.database.execute(
        """SELECT reason, min(orders.order_id), customer FROM orders
        JOIN accepted USING (order_id) JOIN invoices ON invoices.number = accepted.invoice
        WHERE state = 'REJECTED' GROUP BY reason"""
    ).fetchall()
    return {
        reason: str(run.api.order(order_id, customer=customer).body.get("explanation", ""))
        for reason, order_id, customer in examples
    }

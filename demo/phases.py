"""The phases of a run, from the delivery of stock to the dispatch of the orders."""

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext

from demo import offers, order_driver
from demo.database import count
from demo.duplicates import Duplicates
from demo.errors import DemoError
from demo.fault_injection import FaultInjection
from demo.ops_command import run_ops
from demo.run import Run
from demo.screen import Note, Screen, bar
from demo.stock_delivery import deliver_stock
from demo.waiting import wait_until_none
from ops.faults import FAULTS_WHILE_DISPATCHING, FAULTS_WHILE_PLACING

MAX_RESUMES = 3
"""How often orders that wait to be resumed are resumed. Each time is waited for, for a minute."""
# A withdrawn order has ended once, when it was confirmed, and will end again.
_ENDED = """SELECT coalesce(sum(CASE detail_type WHEN 'OrderWithdrawn' THEN -1 ELSE 1 END), 0)
    FROM events WHERE detail_type IN
    ('OrderConfirmed', 'OrderRejected', 'OrderWithdrawn', 'OrderCancelled')"""
_ACCEPTED_INVOICES = "accepted JOIN invoices ON number = invoice"
_OPEN = """accepted WHERE order_id NOT IN (
    SELECT order_id FROM orders WHERE state IN ('CONFIRMED', 'DISPATCHED', 'REJECTED', 'CANCELLED')
    UNION SELECT order_id FROM stuck_orders)"""
_DISPATCHED = """SELECT
    count(DISTINCT CASE detail_type WHEN 'OrderDispatched' THEN order_id END),
    count(DISTINCT CASE WHEN detail_type IN ('OrderRejected', 'OrderCancelled') THEN order_id END),
    (SELECT count(*) FROM accepted WHERE order_id NOT IN (SELECT order_id FROM stuck_orders))
    FROM events JOIN accepted USING (order_id)"""


def deliver_demand(run: Run, screen: Screen, name: str) -> None:
    """Deliver the stock that the orders need. The deliveries' ids begin with `name`."""
    with screen.phase("delivering stock") as note:
        skus, units = deliver_stock(
            run.cloud, run.outputs["ReceiveStockFunction"], run.database, name=name
        )
        note(f"{skus:,} SKUs, {units:,} units")


def fill_catalogue(run: Run, screen: Screen, besides: Iterable[tuple[str, int]] = ()) -> None:
    """Put every price of the export on offer, and besides these SKUs, each at its price."""
    with screen.phase("offering products") as note:
        total = count(run.database, "demand")
        for done in offers.put_export_on_offer(
            run.cloud, run.outputs, run.catalog, run.database, besides=besides, stop=run.stop
        ):
            note(bar(done, total))


def tamper_with_prices(run: Run, screen: Screen) -> None:
    """Send orders whose prices are not on offer."""
    with screen.phase("tampering with prices") as note:
        offers.tamper_with_prices(run.api, run.database)
        note(f"{offers.count_refused(run.database)} refused")


def register_customers(run: Run, screen: Screen) -> None:
    """Create the customers' users, register their addresses, and confirm these."""
    with screen.phase("registering customers") as note:
        total = count(run.database, "(SELECT DISTINCT customer FROM invoices)")
        names = run.database.execute("SELECT DISTINCT customer FROM invoices")

        def register(row: Sequence[str]) -> str | None:
            run.customers.sign_up(row[0])
            return run.notifications.register(row[0])

        registered = order_driver.map_in_threads(register, names, stop=run.stop)
        for done, _ in enumerate(run.notifications.record_reachable(registered), 1):
            note(bar(done, total))
    with screen.phase("confirming addresses") as note:
        mailbox = run.notifications.mailbox
        links = mailbox.links()
        confirmed = order_driver.map_in_threads(mailbox.confirm, links, stop=run.stop)
        for done, _ in enumerate(confirmed, 1):
            note(bar(done, len(links)))


def submit_orders(run: Run, screen: Screen, faults: FaultInjection | None) -> None:
    """Place and cancel the orders of the export.

    Meanwhile, reshard the stream and inject faults.
    """
    with (
        screen.phase("placing, cancelling") as note,
        run.read_side.measuring_lags() as lags,
        ExitStack() as active_faults,
    ):
        total = count(run.database, "invoices") + count(run.database, "cancellations")
        faulty_line = _first_faulty_line(run)

        def ended() -> int:
            run.snapshot.gather_events()
            (number,) = run.database.execute(_ENDED).fetchone()
            return int(number)

        def inject(line: int) -> None:
            if faults and line == faulty_line:
                active_faults.enter_context(
                    faults.active(
                        FAULTS_WHILE_PLACING,
                        is_over=lambda: ended() - before >= count(run.database, "accepted"),
                        is_concerned=lambda: count(run.database, concerned) > 0,
                    )
                )

        before = ended()
        concerned = f"{_ACCEPTED_INVOICES} WHERE line >= {faulty_line}"
        limiter = order_driver.InFlightLimiter(lambda: ended() - before)
        responses = order_driver.submit_orders(
            run.api, run.database, limiter=limiter, stop=run.stop, before_order=inject
        )
        for done, _ in enumerate(responses, 1):
            note(bar(done, total))
            lags.follow_newest(run.database)
            if run.resharding:
                run.resharding.advance(done / total)
    if not count(run.database, "accepted"):
        raise DemoError(f"None of the {total:,} orders was accepted: {_first_rejection(run)}.")


def _first_faulty_line(run: Run) -> int:
    """Return the line of the first order that is placed while faults are injected.

    It is a later one if possible: at first there are few slots, and an order that fails keeps its
    slot.
    """
    orders = count(run.database, "invoices")
    number = max(orders // 3, min(orders, 2 * order_driver.ENDED_PER_SLOT))
    (line,) = run.database.execute(
        "SELECT line FROM invoices ORDER BY line LIMIT 1 OFFSET ?", [number - 1]
    ).fetchone()
    return int(line)


def _first_rejection(run: Run) -> str:
    line, reason, detail = run.database.execute(
        "SELECT line, reason, detail FROM rejections JOIN invoices USING (line) ORDER BY line"
    ).fetchone()
    return f"for the first, on line {line:,}, {reason} ({detail!r})"


def await_sagas(run: Run, screen: Screen) -> None:
    """Wait until every accepted order's saga has ended, or a dead letter mentions the order."""
    with screen.phase("fulfilling") as note:
        total = count(run.database, "accepted")

        def open_orders() -> int:
            run.snapshot.gather_orders()
            run.snapshot.gather_dead_letters()
            number = count(run.database, _OPEN)
            note(bar(total - number, total))
            return number

        _wait_until_ended(run, open_orders)


def resolve_duplicates(run: Run, screen: Screen, duplicates: Duplicates) -> None:
    """Run the job that finds duplicates, and decide on each one."""
    with screen.phase("finding duplicates") as note:
        duplicates.find(note)
        duplicates.decide()


def faults_while_dispatching(
    run: Run, faults: FaultInjection | None
) -> AbstractContextManager[None]:
    """Inject the faults that orders meet when they are dispatched; none if no order is to be.

    Nothing would meet them, and they would be waited for.
    """
    leaving = count(run.database, "orders WHERE state = 'CONFIRMED'")
    return faults.active(FAULTS_WHILE_DISPATCHING) if faults and leaving else nullcontext()


def await_dispatch(run: Run, note: Note, duplicates: Duplicates) -> None:
    """Wait until every order was dispatched, rejected or cancelled.

    Duplicates that could not be decided before may be held meanwhile; these are decided, too.
    """

    def not_dispatched() -> int:
        # Only the new part of the log is read. Reading whole tables repeatedly would slow down the
        # work.
        run.snapshot.gather_events()
        duplicates.decide_if_held()
        dispatched, others, total = run.database.execute(_DISPATCHED).fetchone()
        note(bar(dispatched, total - others))
        return int(total - others - dispatched)

    _wait_until_ended(run, not_dispatched)


def _wait_until_ended(run: Run, remaining: Callable[[], int]) -> None:
    """Call `remaining` until it returns 0, or until there is no progress.

    A busy machine defers orders: for up to a quarter of an hour, if it happens again and again. The
    operator's command resumes them at once.
    """
    for _ in range(MAX_RESUMES):
        wait_until_none(remaining)
        if not remaining() or not _resume_deferred(run):
            return
    wait_until_none(remaining)


def _resume_deferred(run: Run) -> int:
    """Resume all deferred orders; return how many of them go on."""
    pace = ("--per-second", "200")
    counts = json.loads(
        run_ops(run.cloud, "saga", "resume", "--all", "--yes", "--json", *pace).stdout
    )
    return sum(int(counts[name]) for name in ("worked_on", "resumed", "went_on"))


def count_events(run: Run) -> int:
    """Return the number of events that were logged so far."""
    run.snapshot.gather_events()
    return count(run.database, "events")

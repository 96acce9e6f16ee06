"""The phases of a run, from the delivery of stock to the dispatch of the orders."""

from collections.abc import Sequence
from contextlib import ExitStack

from demo import order_driver
from demo.database import count
from demo.fault_injection import FAULTS_WHILE_PLACING, FaultInjection
from demo.run import Run
from demo.screen import Note, Screen, bar
from demo.stock_delivery import deliver_stock
from demo.waiting import wait_until_none

# An order that is withdrawn after its confirmation has ended once before, and will end once more.
_ENDED = """SELECT coalesce(sum(CASE detail_type WHEN 'OrderWithdrawn' THEN -1 ELSE 1 END), 0)
    FROM events WHERE detail_type IN
    ('OrderConfirmed', 'OrderRejected', 'OrderWithdrawn', 'OrderCancelled')"""
_OPEN = """accepted WHERE order_id NOT IN (
    SELECT order_id FROM orders WHERE state IN ('CONFIRMED', 'DISPATCHED', 'REJECTED', 'CANCELLED')
    UNION SELECT order_id FROM stuck_orders)"""
_DISPATCHED = """SELECT
    count(DISTINCT CASE detail_type WHEN 'OrderDispatched' THEN order_id END),
    count(DISTINCT CASE WHEN detail_type IN ('OrderRejected', 'OrderCancelled') THEN order_id END),
    (SELECT count(*) FROM accepted WHERE order_id NOT IN (SELECT order_id FROM stuck_orders))
    FROM events JOIN accepted USING (order_id)"""


def deliver_demand(run: Run, screen: Screen, name: str) -> None:
    """Deliver the stock that the orders need; `name` begins the deliveries' ids."""
    with screen.phase("delivering stock") as note:
        skus, units = deliver_stock(
            run.cloud, run.outputs["ReceiveStockFunction"], run.database, name=name
        )
        note(f"{skus:,} SKUs, {units:,} units")


def register_customers(run: Run, screen: Screen) -> None:
    """Create the customers' users and register their addresses."""
    with screen.phase("registering customers") as note:
        total = count(run.database, "(SELECT DISTINCT customer FROM invoices)")
        names = run.database.execute("SELECT DISTINCT customer FROM invoices")

        def register(row: Sequence[str]) -> str | None:
            run.customers.sign_up(row[0])
            return run.notifications.register(row[0])

        registered = order_driver.map_in_threads(register, names, stop=run.stop)
        for done, _ in enumerate(run.notifications.record_reachable(registered), 1):
            note(bar(done, total))


def submit_orders(run: Run, screen: Screen, faults: FaultInjection | None) -> None:
    """Place and cancel the orders of the export; reshard the stream and inject faults meanwhile."""
    with (
        screen.phase("placing, cancelling") as note,
        run.read_side.measuring_lags() as lags,
        ExitStack() as active_faults,
    ):
        total = count(run.database, "invoices") + count(run.database, "cancellations")

        def ended() -> int:
            run.snapshot.gather_events()
            (number,) = run.database.execute(_ENDED).fetchone()
            return int(number)

        before = ended()
        limiter = order_driver.InFlightLimiter(lambda: ended() - before)
        responses = order_driver.submit_orders(
            run.api, run.database, limiter=limiter, stop=run.stop
        )
        for done, _ in enumerate(responses, 1):
            note(bar(done, total))
            lags.follow_newest(run.database)
            if run.resharding:
                run.resharding.advance(done / total)
            # Not earlier: an order that fails keeps one of the few slots that there are at first.
            if faults and done == total // 3:
                active_faults.enter_context(faults.active(FAULTS_WHILE_PLACING))


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

        wait_until_none(open_orders)


def await_dispatch(run: Run, note: Note) -> None:
    """Wait until every order was dispatched, rejected or cancelled."""

    def not_dispatched() -> int:
        # The log is read from where the last reading ended. Reading whole tables again and again
        # would take time from the work.
        run.snapshot.gather_events()
        dispatched, others, total = run.database.execute(_DISPATCHED).fetchone()
        note(bar(dispatched, total - others))
        return int(total - others - dispatched)

    wait_until_none(not_dispatched)


def count_events(run: Run) -> int:
    """Return the number of events that were logged so far."""
    run.snapshot.gather_events()
    return count(run.database, "events")

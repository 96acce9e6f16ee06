"""The report at the end of a run: how orders ended, and which promises hold."""

from collections.abc import Sequence
from functools import partial
from sqlite3 import Connection

from demo.database import count
from demo.invariants import INVARIANTS, Violation
from demo.screen import GREEN, RED, Screen
from lambdas.contracts.values import format_amount

SHOWN = 10
"""The number of rejections and violations that are shown one by one; the others are counted."""

MOMENTS = {
    "CANCELLED": "before the saga",
    "PLACED": "during the saga",
    "WITHDRAWN": "once confirmed",
}
"""When an order's cancellation was requested, by the state that the API answered."""


def show_orders(screen: Screen, database: Connection, explanations: dict[str, str]) -> None:
    """Show how many orders were accepted and how they ended.

    `explanations` has an example of the customer's text for each reason of a rejection.
    """
    sent, accepted = count(database, "invoices"), count(database, "accepted")
    screen.title("Orders")
    screen.item("accepted", f"{accepted:,} of {sent:,} sent to the API")
    for state, number in database.execute(
        "SELECT state, count(*) FROM orders GROUP BY state ORDER BY state"
    ):
        screen.item(state.lower(), f"{number:,}")
        if state == "CANCELLED":
            for answered_state, moment in MOMENTS.items():
                (asked,) = database.execute(
                    "SELECT count(*) FROM orders JOIN cancel_requests USING (order_id)"
                    " WHERE state = ? AND answered_state = ?",
                    [state, answered_state],
                ).fetchone()
                screen.item(f"  {moment}", f"{asked:>4,}")
    (late,) = database.execute(
        "SELECT count(*) FROM orders JOIN cancel_requests USING (order_id) WHERE state = 'REJECTED'"
    ).fetchone()
    for reason, number in database.execute(
        "SELECT reason, count(*) AS n FROM orders WHERE state = 'REJECTED'"
        " GROUP BY reason ORDER BY n DESC, reason"
    ):
        example = explanations.get(reason, "")
        screen.item(f"  {reason}", f"{number:>4,}  {f'e.g. “{example}”' if example else ''}")
    if late:
        screen.item("  also to be cancelled", f"{late:>4,}")


def show_rejections(screen: Screen, database: Connection) -> None:
    """Show which rows and invoices of the export were not used, and why."""
    rejections = count(database, "rejections")
    screen.title(f"Rejected rows and invoices: {rejections:,}")
    for line, invoice, reason, detail in database.execute(
        "SELECT * FROM rejections ORDER BY line, rowid LIMIT ?", [SHOWN]
    ):
        shown = f"{reason}: {detail}" if detail else reason
        screen.item(f"line {line:,}", f"{invoice:<10}{shown[:100]}")
    if rejections > SHOWN:
        screen.item("…")
    for reason, number in database.execute(
        "SELECT reason, count(*) AS n FROM rejections GROUP BY reason ORDER BY n DESC, reason"
    ):
        screen.say(f"  {number:>5,}  {reason}")


def show_events(screen: Screen, database: Connection, group: str, notification: str) -> None:
    """Show how many of the orders' events are in the log group of the bus.

    Args:
        screen: Where to write.
        database: The run's database.
        group: The log group's name.
        notification: What became of the test event.
    """
    (published,) = database.execute("SELECT coalesce(sum(sequence), 0) FROM orders").fetchone()
    screen.title(f"Events in {group}")
    screen.item("of the orders", f"{count_logged(database):,} of {published:,} published")
    for kind, number in database.execute(
        "SELECT detail_type, count(DISTINCT order_id || '/' || sequence) FROM events"
        " WHERE order_id IS NOT NULL GROUP BY detail_type ORDER BY min(sequence), detail_type"
    ):
        screen.item(f"  {kind}", f"{number:>4,}")
    screen.item("the test event", notification)


def count_logged(database: Connection) -> int:
    """Return how many of the orders' events are in the log, each counted once."""
    return count(
        database,
        "(SELECT DISTINCT e.order_id, e.sequence FROM events e"
        " JOIN orders o ON o.order_id = e.order_id AND e.sequence BETWEEN 1 AND o.sequence)",
    )


def show_ledger_and_stock(screen: Screen, database: Connection) -> None:
    """Show the totals of the ledger and of the stock, and the dead letters."""
    screen.title("Ledger, stock and dead letters")
    for currency, charged, refunded, debits, credits in database.execute(
        """SELECT currency, sum(CASE kind WHEN 'CHARGE' THEN amount ELSE 0 END),
            sum(CASE kind WHEN 'REFUND' THEN amount ELSE 0 END),
            sum(CASE WHEN debit IS NULL THEN 0 ELSE amount END),
            sum(CASE WHEN credit IS NULL THEN 0 ELSE amount END)
        FROM entries GROUP BY currency"""
    ):
        amount = partial(format_amount, currency=currency)
        screen.item(
            "ledger",
            f"charged {amount(charged)}, refunded {amount(refunded)} {currency};"
            f" debits {amount(debits)}, credits {amount(credits)}",
        )
    arrived, available, reserved = database.execute(
        """SELECT (SELECT coalesce(sum(quantity), 0) FROM deliveries),
            coalesce(sum(available), 0), coalesce(sum(reserved), 0) FROM stock"""
    ).fetchone()
    screen.item(
        "stock", f"{arrived:,} units arrived; {available:,} available, {reserved:,} reserved"
    )
    queues = database.execute(
        "SELECT queue, count(*) FROM dead_letters GROUP BY queue ORDER BY queue"
    ).fetchall()
    screen.item("dead letters", "" if queues else "none, in any queue")
    for queue, depth in queues:
        screen.item(f"  {depth:,}", screen.paint(queue, RED))


def show_invariants(screen: Screen, violations: Sequence[Violation]) -> None:
    """Show which promises hold, and the violations of the others."""
    screen.title("Promises")
    broken = {violation.invariant for violation in violations}
    for number, invariant in INVARIANTS.items():
        verdict = ("BROKEN", RED) if number in broken else ("holds", GREEN)
        screen.say(f"  {number}  {invariant:<40}{screen.paint(*verdict)}")
    for violation in violations[:SHOWN]:
        screen.say(f"     {violation.invariant}: {violation.subject} {violation.problem}")
    if len(violations) > SHOWN:
        screen.say(f"     and {len(violations) - SHOWN:,} more")

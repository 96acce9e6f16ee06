"""What a run shows on the screen: its phases while they last, and at the end what became of all."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from sqlite3 import Connection
from typing import TextIO

from demo.invariants import INVARIANTS, Violation
from demo.read_side import percentile
from demo.view_rebuild import RebuiltView

BOLD, RED, GREEN = 1, 31, 32
SHOWN = 10
"""How many refusals and violations are shown one by one; the others are counted."""

MOMENTS = {
    "CANCELLED": "before the saga",
    "PLACED": "during the saga",
    "WITHDRAWN": "once confirmed",
}
"""When an order was asked to be cancelled, by the state that the API answered."""

Note = Callable[[str], None]


@dataclass(slots=True)
class Screen:
    """Where the run writes: in colour and redrawing its line on a terminal, plainly elsewhere."""

    out: TextIO = field(default_factory=lambda: sys.stdout)

    def say(self, text: str = "") -> None:
        """Write a line."""
        print(text, file=self.out, flush=True)

    def title(self, text: str) -> None:
        """Write a headline."""
        self.say(f"\n{self.paint(text, BOLD)}")

    def item(self, label: object, text: object = "") -> None:
        """Write a label and what belongs to it."""
        self.say(f"  {label:<22}{text}".rstrip())

    def paint(self, text: str, colour: int) -> str:
        """The text in an ANSI colour, where colours are wanted.

        https://no-color.org
        """
        wanted = self.out.isatty() and not os.environ.get("NO_COLOR")
        return f"\033[{colour}m{text}\033[0m" if wanted else text

    def of(self, count: int, expected: int) -> str:
        """The count; if it is not what it should be, what that is, in a way that strikes."""
        whole = f"{count:,}"
        return whole if count == expected else self.paint(f"ONLY {whole} of {expected:,}", RED)

    @contextmanager
    def phase(self, name: str) -> Iterator[Note]:
        """Show a phase; what is noted last stays on its line, with the time it took."""
        began = time.monotonic()
        last = ""

        def note(text: str) -> None:
            nonlocal last
            last = text
            if self.out.isatty():
                line = f"  {name:<22}{text}"[: shutil.get_terminal_size().columns - 1]
                self.out.write(f"\r\033[K{line}")
                self.out.flush()

        note("")
        yield note
        start = "\r\033[K" if self.out.isatty() else ""
        self.say(f"{start}  {name:<22}{last:<50}{time.monotonic() - began:6.1f} s")


def bar(done: int, total: int, width: int = 24) -> str:
    """A progress bar."""
    filled = width * done // total if total else width
    return f"[{'#' * filled}{'.' * (width - filled)}] {done:,} of {total:,}"


def show_orders(screen: Screen, database: Connection, explanations: dict[str, str]) -> None:
    """How many orders were accepted, and how they ended; why, in words that customers were told."""
    (sent,) = database.execute("SELECT count(*) FROM invoices").fetchone()
    (accepted,) = database.execute("SELECT count(*) FROM accepted").fetchone()
    screen.title("Orders")
    screen.item("accepted", f"{accepted:,} of {sent:,} sent to the API")
    for state, count in database.execute(
        "SELECT state, count(*) FROM orders GROUP BY state ORDER BY state"
    ):
        screen.item(state.lower(), f"{count:,}")
        if state == "CANCELLED":
            for told, moment in MOMENTS.items():
                (asked,) = database.execute(
                    "SELECT count(*) FROM orders JOIN asked_to_cancel USING (order_id)"
                    " WHERE state = ? AND told = ?",
                    [state, told],
                ).fetchone()
                screen.item(f"  {moment}", f"{asked:>4,}")
    (late,) = database.execute(
        "SELECT count(*) FROM orders JOIN asked_to_cancel USING (order_id) WHERE state = 'REJECTED'"
    ).fetchone()
    for reason, count in database.execute(
        "SELECT reason, count(*) AS n FROM orders WHERE state = 'REJECTED'"
        " GROUP BY reason ORDER BY n DESC, reason"
    ):
        told = explanations.get(reason, "")
        screen.item(f"  {reason}", f"{count:>4,}  {f'e.g. “{told}”' if told else ''}")
    if late:
        screen.item("  to be cancelled too", f"{late:>4,}")


def show_refused(screen: Screen, database: Connection) -> None:
    """Which rows and invoices of the export were not carried out, and why."""
    (refused,) = database.execute("SELECT count(*) FROM refused").fetchone()
    screen.title(f"Rows and invoices not carried out: {refused:,}")
    for line, invoice, reason, detail in database.execute(
        "SELECT * FROM refused ORDER BY line, rowid LIMIT ?", [SHOWN]
    ):
        shown = f"{reason}: {detail}" if detail else reason
        screen.item(f"line {line:,}", f"{invoice:<10}{shown[:100]}")
    if refused > SHOWN:
        screen.item("…")
    for reason, count in database.execute(
        "SELECT reason, count(*) AS n FROM refused GROUP BY reason ORDER BY n DESC, reason"
    ):
        screen.say(f"  {count:>5,}  {reason}")


def show_events(screen: Screen, database: Connection, group: str, notification: str) -> None:
    """How many events the log group holds, against how many the orders say they told."""
    (told,) = database.execute("SELECT coalesce(sum(sequence), 0) FROM orders").fetchone()
    screen.title(f"Events in {group}")
    screen.item("of the orders", f"{logged(database):,} of {told:,} that were told")
    for kind, count in database.execute(
        "SELECT detail_type, count(DISTINCT order_id || '/' || sequence) FROM events"
        " WHERE order_id IS NOT NULL GROUP BY detail_type ORDER BY min(sequence), detail_type"
    ):
        screen.item(f"  {kind}", f"{count:>4,}")
    screen.item("the test event", notification)


def logged(database: Connection) -> int:
    """How many of the events that the orders told are in the log, each counted once."""
    (count,) = database.execute(
        "SELECT count(*) FROM (SELECT DISTINCT e.order_id, e.sequence FROM events e"
        " JOIN orders o ON o.order_id = e.order_id AND e.sequence BETWEEN 1 AND o.sequence)"
    ).fetchone()
    return int(count)


def show_stock(screen: Screen, database: Connection) -> None:
    """What inventory announced of its stock, and what the others made of it."""
    screen.title("Stock, as it was announced")
    changes, skus = database.execute(
        "SELECT count(*), count(DISTINCT sku) FROM announced"
    ).fetchone()
    (displaced,) = database.execute(
        """SELECT count(*) FROM (SELECT sequence - lag(sequence)
            OVER (PARTITION BY sku ORDER BY position) AS step FROM announced) WHERE step <> 1"""
    ).fetchone()
    order = (
        f"{displaced:,} not the next of their SKU"
        if displaced
        else "each SKU's in order, without a gap"
    )
    screen.item("changes", f"{changes:,} of {skus:,} SKUs, {order}")
    for kind, count in database.execute(
        "SELECT detail_type, count(*) FROM announced GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall():
        most = database.execute(
            "SELECT sku, count(*) FROM announced WHERE detail_type = ?"
            " GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 3",
            [kind],
        )
        told = ", ".join(f"{sku} ({n:,})" for sku, n in most)
        screen.item(f"  {kind}", f"{count:>5,}  most of {told}")
    ordered, units = database.execute(
        """SELECT count(*), coalesce(sum(quantity), 0) FROM purchase_orders
            WHERE purchase_order_id IN (SELECT event_id FROM announced)"""
    ).fetchone()
    screen.item("purchase orders", f"{ordered:,} raised, of {units:,} units")
    (total,) = database.execute("SELECT count(*) FROM stock").fetchone()
    for who, view, truth in (
        ("the storefront", "shown", "expected_availability"),
        ("the warehouse", "warehouse_stock", "stock"),
    ):
        (same,) = database.execute(
            f"SELECT count(*) FROM (SELECT * FROM {view} INTERSECT SELECT * FROM {truth})"  # noqa: S608
        ).fetchone()
        screen.item(who, f"knows {same:,} of {total:,} SKUs as they are")


def show_views(
    screen: Screen, database: Connection, *, resharded: bool | None, rebuilt: Sequence[RebuiltView]
) -> None:
    """What storefront's views make of what was told of orders, how soon, and through what.

    ``resharded`` is whether the stream was split and merged amid it, None if it was not to be.
    ``rebuilt`` are the views that were made afresh.
    """
    screen.title("Views of the order stream")

    def same(view: str, truth: str) -> str:
        (right,) = database.execute(
            f"SELECT count(*) FROM (SELECT * FROM {view} INTERSECT SELECT * FROM {truth})"  # noqa: S608
        ).fetchone()
        (all_,) = database.execute(f"SELECT count(*) FROM {truth}").fetchone()  # noqa: S608
        return f"{right:,} of {all_:,}"

    services, orders = database.execute(
        "SELECT count(DISTINCT service), count(DISTINCT order_id) FROM told"
    ).fetchone()
    screen.item(
        "timelines",
        f"{same('shown_timeline', 'expected_timeline')} facts of {services} services "
        f"about {orders:,} orders, in order",
    )
    screen.item("customers' orders", f"{same('shown_orders', 'expected_orders')} as they are")
    screen.item(
        "sales", f"{same('shown_sales', 'expected_sales')} counters, by minute and by product"
    )
    for currency, count, units, amount in database.execute(
        "SELECT currency, sum(orders), sum(units), sum(amount) FROM shown_sales"
        " WHERE per = 'minute' GROUP BY currency"
    ):
        screen.item("", f"{count:,} orders confirmed, {units:,} units, {money(amount)} {currency}")
    lags = [lag for (lag,) in database.execute("SELECT seconds FROM lags ORDER BY seconds")]
    if lags:
        shares = ", ".join(f"p{p} {percentile(lags, p):.1f} s" for p in (50, 95, 99))
        screen.item("lag", f"{shares} until seen in the timeline, of {len(lags):,} facts")
    for view in rebuilt:
        screen.item(
            f"{view.view} rebuilt", view.summary if view.equal else screen.paint(view.summary, RED)
        )
    changes = database.execute("SELECT * FROM resharded ORDER BY at").fetchall()
    if resharded is None:
        return
    done = "doubled and halved while orders flowed"
    screen.item("shards", done if resharded else screen.paint("BROKEN", RED))
    for _, shards, goal, reason in changes:
        screen.item(f"  {shards:,} to {goal:,}", reason)
    if changes:
        between = [
            database.execute(
                "SELECT count(*) FROM told WHERE at >= ? AND at < ?", [begin, end]
            ).fetchone()[0]
            for begin, end in pairwise(["", *(change[0] for change in changes), "~"])
        ]
        told = ", ".join(f"{count:,}" for count in between)
        screen.item("  facts", f"{told} were told before, between and after")
    screen.item("  simulated", "CloudWatch's metrics of the stream, and a day between the changes")


def show_ledger_and_stock(screen: Screen, database: Connection) -> None:
    """What the ledger, the shelves and the queues say."""
    screen.title("Books")
    for currency, charged, refunded, debits, credits in database.execute(
        """SELECT currency, sum(CASE kind WHEN 'CHARGE' THEN amount ELSE 0 END),
            sum(CASE kind WHEN 'REFUND' THEN amount ELSE 0 END),
            sum(CASE WHEN debit IS NULL THEN 0 ELSE amount END),
            sum(CASE WHEN credit IS NULL THEN 0 ELSE amount END)
        FROM entries GROUP BY currency"""
    ):
        screen.item(
            "ledger",
            f"charged {money(charged)}, refunded {money(refunded)} {currency};"
            f" debits {money(debits)}, credits {money(credits)}",
        )
    arrived, available, reserved = database.execute(
        """SELECT (SELECT coalesce(sum(quantity), 0) FROM delivered),
            coalesce(sum(available), 0), coalesce(sum(reserved), 0) FROM stock"""
    ).fetchone()
    screen.item(
        "stock", f"{arrived:,} units arrived; {available:,} available, {reserved:,} reserved"
    )
    parked = database.execute(
        "SELECT queue, count(*) FROM parked GROUP BY queue ORDER BY queue"
    ).fetchall()
    screen.item("parked", "" if parked else "nothing, on any queue")
    for queue, depth in parked:
        screen.item(f"  {depth:,}", screen.paint(queue, RED))


def money(minor: int) -> str:
    """An amount in minor units as people write it."""
    return f"{minor // 100:,}.{minor % 100:02}"


def show_invariants(screen: Screen, violations: Sequence[Violation]) -> None:
    """Which promises hold, and what breaks the others."""
    screen.title("Promises")
    broken = {violation.invariant for violation in violations}
    for number, invariant in INVARIANTS.items():
        verdict = ("BROKEN", RED) if number in broken else ("holds", GREEN)
        screen.say(f"  {number}  {invariant:<40}{screen.paint(*verdict)}")
    for violation in violations[:SHOWN]:
        screen.say(f"     {violation.invariant}: {violation.subject} {violation.problem}")
    if len(violations) > SHOWN:
        screen.say(f"     and {len(violations) - SHOWN:,} more")

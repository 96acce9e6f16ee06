"""The report on the views: those of the stock, and those of the order stream."""

from collections.abc import Sequence
from itertools import pairwise
from sqlite3 import Connection

from demo.database import count
from demo.lag_probe import percentile
from demo.purchasing import show_purchase_orders
from demo.screen import RED, Screen
from demo.view_rebuild import RebuiltView
from lambdas.contracts.values import format_amount


def show_stock(screen: Screen, database: Connection) -> None:
    """Show inventory's stock events, and the views that other services made of them."""
    screen.title("Stock events")
    changes, skus = database.execute(
        "SELECT count(*), count(DISTINCT sku) FROM stock_events"
    ).fetchone()
    (displaced,) = database.execute(
        """SELECT count(*) FROM (SELECT sequence - lag(sequence)
            OVER (PARTITION BY sku ORDER BY position) AS step FROM stock_events) WHERE step <> 1"""
    ).fetchone()
    order = (
        f"{displaced:,} not the next of their SKU"
        if displaced
        else "each SKU's in order, without a gap"
    )
    screen.item("changes", f"{changes:,} of {skus:,} SKUs, {order}")
    for kind, number in database.execute(
        "SELECT detail_type, count(*) FROM stock_events GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall():
        most = database.execute(
            "SELECT sku, count(*) FROM stock_events WHERE detail_type = ?"
            " GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 3",
            [kind],
        )
        skus_with_most = ", ".join(f"{sku} ({n:,})" for sku, n in most)
        screen.item(f"  {kind}", f"{number:>5,}  most of {skus_with_most}")
    show_purchase_orders(screen, database)
    total = count(database, "stock")
    for who, view, truth in (
        ("the storefront", "availability", "expected_availability"),
        ("the warehouse", "warehouse_stock", "stock"),
    ):
        same = count(database, f"(SELECT * FROM {view} INTERSECT SELECT * FROM {truth})")  # noqa: S608
        screen.item(who, f"right about {same:,} of {total:,} SKUs")


def show_views(
    screen: Screen, database: Connection, *, resharded: bool | None, rebuilt: Sequence[RebuiltView]
) -> None:
    """Show whether storefront's views equal the logged events, and how large their lags were.

    Args:
        screen: Where to write.
        database: The run's database.
        resharded: Whether the stream was split and merged; None if that was not planned.
        rebuilt: The views that were rebuilt.
    """
    screen.title("Views of the order stream")

    def same(view: str, truth: str) -> str:
        right = count(database, f"(SELECT * FROM {view} INTERSECT SELECT * FROM {truth})")  # noqa: S608
        return f"{right:,} of {count(database, truth):,}"

    services, orders = database.execute(
        "SELECT count(DISTINCT service), count(DISTINCT order_id) FROM order_events"
    ).fetchone()
    screen.item(
        "timelines",
        f"{same('actual_timelines', 'expected_timelines')} events of {services} services "
        f"about {orders:,} orders, in order",
    )
    screen.item("customers' orders", f"{same('actual_orders', 'expected_orders')} right")
    screen.item(
        "sales", f"{same('actual_sales', 'expected_sales')} counters, by minute and by product"
    )
    for currency, number, units, amount in database.execute(
        "SELECT currency, sum(orders), sum(units), sum(amount) FROM actual_sales"
        " WHERE per = 'minute' GROUP BY currency"
    ):
        screen.item(
            "",
            f"{number:,} orders confirmed, {units:,} units, "
            f"{format_amount(amount, currency)} {currency}",
        )
    lags = [lag for (lag,) in database.execute("SELECT seconds FROM lags ORDER BY seconds")]
    if lags:
        shares = ", ".join(f"p{p} {percentile(lags, p):.1f} s" for p in (50, 95, 99))
        screen.item("lag", f"{shares} until in the timeline, of {len(lags):,} events")
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
                "SELECT count(*) FROM order_events WHERE at >= ? AND at < ?", [begin, end]
            ).fetchone()[0]
            for begin, end in pairwise(["", *(change[0] for change in changes), "~"])
        ]
        published = ", ".join(f"{number:,}" for number in between)
        screen.item("  events", f"{published} published before, between and after")
    screen.item("  simulated", "CloudWatch's metrics of the stream, and a day between the changes")

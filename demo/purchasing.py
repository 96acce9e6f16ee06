"""What a run copies, checks and reports of purchasing: each crossing of a minimum is ordered."""

from sqlite3 import Connection

from demo.invariants import Check
from demo.screen import Screen

SCHEMA = """
CREATE TABLE purchase_orders (purchase_order_id TEXT PRIMARY KEY, sku TEXT, quantity INT);
"""
SOURCE = ("PurchaseOrdersTable", "purchase_orders", "purchase_order_id", "sku", "quantity")
"""The stack output that names its table, the table of the run's database, and the columns."""

CHECKS = (
    Check(
        2,
        """SELECT sku, 'was ordered for ' || detail_type || ', change ' || sequence
        FROM (SELECT DISTINCT sku, sequence, detail_type FROM stock_events
            WHERE event_id IN (SELECT purchase_order_id FROM purchase_orders)
            AND detail_type NOT IN ('StockBelowMinimum', 'StockSoldOut'))""",
    ),
    Check(
        1,
        """SELECT DISTINCT sku, 'was ' || detail_type || ' as change ' || sequence
            || ', and nothing was ordered' FROM stock_events
        WHERE detail_type IN ('StockBelowMinimum', 'StockSoldOut')
        AND event_id NOT IN (SELECT purchase_order_id FROM purchase_orders)""",
    ),
)
"""What holds of purchase orders once all work is done."""


def show_purchase_orders(screen: Screen, database: Connection) -> None:
    """Show how many were raised for the run's events."""
    ordered, units = database.execute(
        """SELECT count(*), coalesce(sum(quantity), 0) FROM purchase_orders
            WHERE purchase_order_id IN (SELECT event_id FROM stock_events)"""
    ).fetchone()
    screen.item("purchase orders", f"{ordered:,} raised, of {units:,} units")

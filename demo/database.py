"""The SQLite database of a run. Each kind of record that services keep has a table.

Amounts are in minor units of their currency.
"""

from collections.abc import Iterable, Sequence
from sqlite3 import Connection
from typing import Any

from demo import purchasing

SCHEMA = """
CREATE TABLE accepted (order_id TEXT PRIMARY KEY, invoice TEXT);
CREATE TABLE cancel_requests (order_id TEXT PRIMARY KEY, answered_state TEXT);
CREATE TABLE orders (
    order_id TEXT, customer_id TEXT, state TEXT, sequence INT, total INT, currency TEXT,
    reason TEXT, explanation TEXT
);
CREATE TABLE order_lines (order_id TEXT, sku TEXT, quantity INT);
CREATE TABLE stock (
    sku TEXT PRIMARY KEY, available INT, reserved INT, minimum INT, sequence INT
);
CREATE TABLE initial_stock AS SELECT * FROM stock;
CREATE TABLE deliveries (delivery_id TEXT, sku TEXT, quantity INT);
CREATE TABLE reservations (order_id TEXT, state TEXT);
CREATE TABLE reserved_lines (order_id TEXT, sku TEXT, quantity INT);
CREATE TABLE shipments (order_id TEXT, state TEXT);
CREATE TABLE shipped_lines (order_id TEXT, sku TEXT, quantity INT);
CREATE TABLE charges (order_id TEXT, state TEXT, amount INT, currency TEXT);
CREATE TABLE entries (
    order_id TEXT, kind TEXT, debit TEXT, credit TEXT, amount INT, currency TEXT
);
CREATE TABLE provider_charges (order_id TEXT, state TEXT, amount INT, currency TEXT);
CREATE TABLE picked_lines (order_id TEXT, sku TEXT, quantity INT);
CREATE TABLE stock_events (
    position INTEGER PRIMARY KEY, event_id TEXT, sku TEXT, sequence INT, detail_type TEXT
);
CREATE TABLE availability (sku TEXT, state TEXT, available INT, sequence INT);
CREATE TABLE warehouse_stock (sku TEXT, available INT, reserved INT, minimum INT, sequence INT);
CREATE TABLE dead_letters (queue TEXT, body TEXT);
CREATE TABLE events (
    log_id TEXT PRIMARY KEY, order_id TEXT, sequence INT, detail_type TEXT, message TEXT
);
CREATE INDEX orders_by_id ON orders (order_id);
CREATE INDEX order_lines_by_id ON order_lines (order_id, sku);
CREATE INDEX reservations_by_id ON reservations (order_id);
CREATE INDEX reserved_lines_by_id ON reserved_lines (order_id, sku);
CREATE INDEX reserved_lines_by_sku ON reserved_lines (sku);
CREATE INDEX shipments_by_id ON shipments (order_id);
CREATE INDEX shipped_lines_by_id ON shipped_lines (order_id, sku);
CREATE INDEX charges_by_id ON charges (order_id);
CREATE INDEX entries_by_id ON entries (order_id);
CREATE INDEX provider_charges_by_id ON provider_charges (order_id);
CREATE INDEX deliveries_by_sku ON deliveries (sku);
CREATE INDEX picked_lines_by_id ON picked_lines (order_id, sku);
CREATE INDEX stock_events_by_sku ON stock_events (sku, sequence);
CREATE INDEX availability_by_sku ON availability (sku);
CREATE INDEX warehouse_stock_by_sku ON warehouse_stock (sku);
CREATE INDEX events_by_order ON events (order_id, sequence);
CREATE INDEX events_by_type ON events (detail_type);
CREATE VIEW postings AS
    SELECT order_id, debit AS account, amount, currency FROM entries WHERE debit IS NOT NULL
    UNION ALL
    SELECT order_id, credit, -amount, currency FROM entries WHERE credit IS NOT NULL;
CREATE VIEW fulfilled AS SELECT * FROM orders WHERE state IN ('CONFIRMED', 'DISPATCHED');
CREATE VIEW undone AS SELECT order_id FROM orders WHERE state IN ('REJECTED', 'CANCELLED');
CREATE VIEW expected_availability AS
    SELECT sku, CASE WHEN available = 0 THEN 'SOLD_OUT' WHEN available < minimum THEN 'LOW'
        ELSE 'IN_STOCK' END AS state, available, sequence FROM stock;
CREATE VIEW stuck_orders AS
    SELECT DISTINCT atom AS order_id FROM dead_letters, json_tree(
        CASE WHEN json_valid(body) THEN body ELSE '{}' END)
    WHERE json_tree.key IN ('order_id', 'subject')
    AND atom IN (SELECT order_id FROM orders);
"""
SCHEMA += purchasing.SCHEMA
"""The tables that `demo.snapshot` fills.

Besides the services' own records:

- `accepted`: the orders that the API accepted, each with the number of its invoice in the export.
- `cancel_requests`: the orders that were to be cancelled, with the state that the API answered to
  the first request: CANCELLED before the saga, PLACED during it, WITHDRAWN after it, NULL when the
  request was refused.
- `initial_stock`: the stock at the start of the run, when the listener queue was subscribed.
- `stock_events`: the events of inventory's topic since then, in the order of their arrival.
- `availability`: storefront's view of the stock; `warehouse_stock`: the warehouse's.
- `events`: the events in the log group of the bus.
- `stuck_orders`: the orders that a dead letter is about, by its `order_id` or `subject`; another
  order that it merely mentions is not excused.
"""


def insert(database: Connection, table: str, rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows, except those whose primary key exists already. A row has a value per column."""
    width = len(database.execute(f"SELECT * FROM {table} LIMIT 0").description)  # noqa: S608
    marks = ", ".join("?" * width)
    with database:
        database.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", rows)  # noqa: S608


def count(database: Connection, source: str) -> int:
    """Return the number of rows of a table, a view or a subquery in parentheses."""
    (number,) = database.execute(f"SELECT count(*) FROM {source}").fetchone()  # noqa: S608
    return int(number)

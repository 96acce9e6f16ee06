"""The orders and cancellations of an export, in the run's database.

The database is a file, so an export may be of any size.
"""

import json
from dataclasses import asdict
from pathlib import Path
from sqlite3 import Connection

from demo.export_rows import Rejection
from demo.exports import Cancellation, Invoice, read

NOT_ACCEPTED = "the invoice to be cancelled was not accepted"

SCHEMA = f"""
CREATE TABLE invoices (
    line INTEGER PRIMARY KEY, number TEXT UNIQUE, customer TEXT, country TEXT, lines TEXT
);
CREATE TABLE cancellations (
    line INTEGER PRIMARY KEY, number TEXT, customer TEXT, invoice TEXT
);
CREATE TABLE demand (sku TEXT PRIMARY KEY, quantity INT);
CREATE TABLE rejections (line INT, invoice TEXT, reason TEXT, detail TEXT);
CREATE INDEX rejections_by_invoice ON rejections (invoice);
CREATE VIEW unmatched_cancellations AS SELECT * FROM (
    SELECT c.line, c.number, CASE
        WHEN o.number IS NULL AND c.invoice IN (SELECT invoice FROM rejections)
            THEN '{NOT_ACCEPTED}'
        WHEN o.number IS NULL THEN 'the invoice to be cancelled is unknown'
        WHEN o.line > c.line THEN 'the invoice to be cancelled comes only later'
        WHEN o.customer <> c.customer THEN 'the invoice to be cancelled is another customer''s'
        END AS reason
    FROM cancellations c LEFT JOIN invoices o ON o.number = c.invoice
) WHERE reason IS NOT NULL;
"""  # noqa: S608
"""The tables of the export.

- `invoices`: what is to be ordered; `line` is the invoice's first line in the export.
- `cancellations`: which invoice is to be cancelled, and by which customer.
- `demand`: the quantity of each SKU that the invoices order.
- `rejections`: the rows and invoices that were not carried out, with the reason.
- `unmatched_cancellations`: the cancellations without an order that they can cancel.
"""


def load_orders(path: Path, database: Connection) -> int:
    """Read an export into the database; return the number of orders in it.

    A cancellation must come after its invoice. One that comes earlier is rejected, and the order is
    placed. A cancellation may occur twice.

    Raises:
        ExportError: The file is not an export.
    """
    orders = 0
    with database:
        for found in read(path):
            if isinstance(found, Rejection):
                record_rejection(database, found)
            elif isinstance(found, Cancellation):
                database.execute(
                    "INSERT INTO cancellations VALUES (:line, :number, :customer, :invoice)",
                    asdict(found),
                )
            elif _is_known(database, found.number):
                reason = "the invoice's rows do not stand together"
                record_rejection(
                    database, Rejection(line=found.line, invoice=found.number, reason=reason)
                )
            else:
                _insert_invoice(database, found)
                orders += 1
        _reject_unmatched_cancellations(database)
    return orders


def record_rejection(database: Connection, rejection: Rejection) -> None:
    """Record a row or invoice that was not used, and why."""
    database.execute(
        "INSERT INTO rejections VALUES (:line, :invoice, :reason, :detail)", asdict(rejection)
    )


def _is_known(database: Connection, number: str) -> bool:
    found = database.execute("SELECT 1 FROM invoices WHERE number = ?", [number])
    return found.fetchone() is not None


def _reject_unmatched_cancellations(database: Connection) -> None:
    # All invoices are known only at the end of the export.
    database.execute(
        "INSERT INTO rejections SELECT line, number, reason, '' FROM unmatched_cancellations"
    )
    database.execute(
        "DELETE FROM cancellations WHERE line IN (SELECT line FROM unmatched_cancellations)"
    )


def _insert_invoice(database: Connection, invoice: Invoice) -> None:
    lines = [asdict(line) for line in invoice.lines]
    database.execute(
        "INSERT INTO invoices VALUES (?, ?, ?, ?, ?)",
        [invoice.line, invoice.number, invoice.customer, invoice.country, json.dumps(lines)],
    )
    database.executemany(
        "INSERT INTO demand VALUES (:sku, :quantity)"
        " ON CONFLICT DO UPDATE SET quantity = quantity + excluded.quantity",
        lines,
    )

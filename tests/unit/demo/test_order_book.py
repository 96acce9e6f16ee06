import sqlite3
from pathlib import Path

import pytest

from demo.export_rows import Rejection
from demo.order_book import load_orders, record_rejection
from tests.support.exports import ORDERS, write_export


def test_export_is_loaded_with_its_demand(tmp_path: Path, database: sqlite3.Connection):
    rows = [
        "1,A1,x,2,2010-12-01,1.00,7,EIRE",
        "2,A1,x,3,2010-12-01,1.00,8,EIRE",
        "2,B2,x,1,2010-12-01,1.00,8,EIRE",
        "1,B2,x,9,2010-12-01,1.00,7,EIRE",
    ]
    assert load_orders(write_export(tmp_path / "orders.csv", *rows), database) == 2
    assert dict(database.execute("SELECT * FROM demand")) == {"A1": 5, "B2": 1}
    assert database.execute("SELECT line, invoice, reason FROM rejections").fetchall() == [
        (5, "1", "the invoice's rows do not stand together")
    ]


@pytest.mark.parametrize(
    ("cancellation", "reason"),
    [
        ("C9,A1,x,-2,2010-12-01,1.00,7,EIRE", "the invoice to be cancelled is unknown"),
        ("C2,A1,x,-2,2010-12-01,1.00,8,EIRE", "the invoice to be cancelled was not accepted"),
        ("C1,A1,x,-2,2010-12-01,1.00,8,EIRE", "the invoice to be cancelled is another customer's"),
        ("C3,A1,x,-3,2010-12-01,1.00,9,EIRE", "the invoice to be cancelled comes only later"),
    ],
)
def test_cancellation_without_its_order_is_rejected_and_the_orders_are_loaded(
    tmp_path: Path, database: sqlite3.Connection, cancellation: str, reason: str
):
    rows = [*ORDERS[:2], cancellation, ORDERS[2]]
    assert load_orders(write_export(tmp_path / "orders.csv", *rows), database) == 2
    assert (4, cancellation[:2], reason, "") in database.execute(
        "SELECT * FROM rejections"
    ).fetchall()
    assert database.execute("SELECT * FROM cancellations").fetchall() == []


def test_early_cancellation_is_rejected_and_repeated_ones_are_loaded(
    tmp_path: Path, database: sqlite3.Connection
):
    cancellation = "C1,A1,x,-2,2010-12-01,1.00,7,EIRE"
    nobodys = "C1,A1,x,-2,2010-12-01,1.00,,EIRE"
    rows = [cancellation, ORDERS[0], nobodys, cancellation, ORDERS[2], cancellation]
    load_orders(write_export(tmp_path / "orders.csv", *rows), database)
    assert database.execute("SELECT line, number FROM cancellations").fetchall() == [
        (4, "C1"),
        (7, "C1"),
    ]
    assert database.execute("SELECT line, reason FROM rejections ORDER BY line").fetchall() == [
        (2, "the invoice to be cancelled comes only later"),
        (4, "no customer"),
    ]


def test_rejection_is_recorded_with_all_its_fields(database: sqlite3.Connection):
    record_rejection(database, Rejection(line=3, invoice="1", reason="no customer", detail="x"))
    assert database.execute("SELECT * FROM rejections").fetchall() == [(3, "1", "no customer", "x")]

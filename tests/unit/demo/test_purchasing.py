"""Purchase orders of a run: what is copied, which broken promises are found, what is shown."""

import io
import sqlite3
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest

from demo import purchasing
from demo.database import insert
from demo.invariants import find_violations
from demo.screen import Screen
from demo.snapshot import Snapshot
from lambdas.runtime.dynamodb import to_item
from tests.unit.demo.test_snapshot import Pages, cloud


def test_purchase_orders_are_copied(database: sqlite3.Connection):
    order = {"purchase_order_id": "p", "sku": "A1", "quantity": 5, "state": "SENT"}

    def scan(*, TableName: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        return {"Items": [to_item(order)] if TableName == "orders" else []}

    rows = SimpleNamespace(get_paginator=lambda _: Pages(scan))
    outputs = defaultdict(lambda: "of others", PurchaseOrdersTable="orders")
    Snapshot(cloud(sqs=None, dynamodb=rows), outputs, database).gather_stock()

    assert database.execute("SELECT * FROM purchase_orders").fetchall() == [("p", "A1", 5)]


@pytest.mark.parametrize(
    ("change", "invariant", "subject", "problem"),
    [
        (
            "DELETE FROM purchase_orders WHERE purchase_order_id = 'A1/15'",
            *(1, "A1", "was StockBelowMinimum as change 15, and nothing was ordered"),
        ),
        (
            "UPDATE stock_events SET detail_type = 'StockSoldOut' WHERE event_id = 'B2/1'",
            *(1, "B2", "was StockSoldOut as change 1, and nothing was ordered"),
        ),
        (
            "INSERT INTO purchase_orders VALUES ('A1/14', 'A1', 9)",
            *(2, "A1", "was ordered for StockChanged, change 14"),
        ),
    ],
)
def test_promise_broken_by_purchasing_is_found_and_named(
    quiescent: sqlite3.Connection, change: str, invariant: int, subject: str, problem: str
):
    insert(quiescent, "purchase_orders", [("A1/15", "A1", 9), ("A1/3", "A1", 9)])
    assert list(find_violations(quiescent, purchasing.CHECKS)) == []
    quiescent.execute(change)

    (found,) = find_violations(quiescent, purchasing.CHECKS)

    assert (found.invariant, found.subject, found.problem) == (invariant, subject, problem)


@pytest.mark.parametrize("kind", ["StockBelowMinimum", "StockSoldOut"])
def test_crossing_that_came_twice_is_ordered_once_or_named_once(
    quiescent: sqlite3.Connection, kind: str
):
    quiescent.execute("DELETE FROM stock_events WHERE event_id = 'A1/15'")
    insert(quiescent, "stock_events", [(None, "A1/15", "A1", 15, kind)] * 2)
    assert len(list(find_violations(quiescent, purchasing.CHECKS))) == 1

    insert(quiescent, "purchase_orders", [("A1/15", "A1", 9)])

    assert list(find_violations(quiescent, purchasing.CHECKS)) == []


def test_purchase_orders_of_the_run_are_counted(database: sqlite3.Connection):
    insert(database, "stock_events", [(None, "A1/2", "A1", 2, "StockBelowMinimum")])
    insert(database, "purchase_orders", [("A1/2", "A1", 5), ("another run's", "A1", 5)])
    out = io.StringIO()

    purchasing.show_purchase_orders(Screen(out), database)

    assert " ".join(out.getvalue().split()) == "purchase orders 1 raised, of 5 units"

"""Views that equal the events pass; each way of differing is found and named."""

import sqlite3
from collections.abc import Iterator

import pytest

from demo import order_book
from demo.database import SCHEMA, insert
from demo.invariants import find_violations
from demo.read_side import CHECKS
from demo.read_side import SCHEMA as VIEWS
from tests.support.read_side_data import CLEAN

BREAKS = [
    (
        "DELETE FROM timelines WHERE service = 'payments'",
        "c",
        "was published: PaymentTaken of payments",
    ),
    ("DELETE FROM timelines WHERE order_id = 'p'", "p", "was published: OrderPlaced of orders as"),
    (
        "DELETE FROM logged_events WHERE service = 'payments'",
        "c",
        "the timeline shows PaymentTaken",
    ),
    (
        "UPDATE timelines SET position = 3 - position WHERE order_id = 'd'",
        "d",
        "the timeline shows OrderPlaced of orders as number 2",
    ),
    ("UPDATE timelines SET at = 'then' WHERE order_id = 'p'", "p", "as number 1, at then"),
    ("UPDATE timelines SET detail_type = 'X' WHERE order_id = 'p'", "p", "shows X of orders"),
    (
        "UPDATE customer_orders SET state = 'PLACED' WHERE order_id = 'c'",
        "c",
        "is CONFIRMED for 900 GBP, of ada, the list of orders says PLACED for 900 GBP",
    ),
    ("UPDATE customer_orders SET total = 1 WHERE order_id = 'c'", "c", "says CONFIRMED for 1 GBP"),
    ("UPDATE customer_orders SET currency = 'EUR' WHERE order_id = 'c'", "c", "for 900 EUR"),
    ("UPDATE customer_orders SET customer_id = 'eve' WHERE order_id = 'p'", "p", "900 GBP, of eve"),
    ("DELETE FROM customer_orders WHERE order_id = 'p'", "p", "is PLACED for 900 GBP"),
    (
        "UPDATE sales_counters SET orders = 3 WHERE entry = '08:02'",
        "08:02",
        "the sales say 3 orders",
    ),
    ("UPDATE sales_counters SET units = 6 WHERE entry = '08:02'", "08:02", "1 orders, 6 units"),
    (
        "UPDATE sales_counters SET amount = amount + 1 WHERE entry = 'B2'",
        "B2",
        "the events say 2 orders, 6 units, 600 GBP on 2026-12-01 per product, the sales say 2 "
        "orders, 6 units, 601 GBP",
    ),
    ("UPDATE sales_counters SET currency = 'EUR' WHERE entry = '08:02'", "08:02", "900 EUR on"),
    ("DELETE FROM sales_counters WHERE entry = 'C3'", "C3", "the sales say -1 orders"),
    *(
        (
            f"INSERT INTO sales_counters VALUES ('2026-12-01', 'product', 'Z9', 'GBP', {counts})",
            *("Z9", f"the sales say {said}"),
        )
        for counts, said in (("0, 5, 0", "0 orders, 5 units"), ("0, 0, 9", "0 orders, 0 units, 9"))
    ),
    (
        "DELETE FROM sales_counters WHERE orders = 2 AND entry = 'A1'",
        "A1",
        "the events say 2 orders",
    ),
    (
        "DELETE FROM logged_events WHERE order_id = 'd'",
        "08:02",
        "the sales say 1 orders, 5 units, 900",
    ),
]


@pytest.fixture
def snapshot() -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(":memory:")
    database.executescript(order_book.SCHEMA + SCHEMA + VIEWS)
    for table, rows in CLEAN.items():
        insert(database, table, rows)
    yield database
    database.close()


def test_views_that_equal_the_events_break_no_promise(snapshot: sqlite3.Connection):
    assert list(find_violations(snapshot, CHECKS)) == []


@pytest.mark.parametrize(("change", "subject", "problem"), BREAKS)
def test_view_that_differs_from_the_events_is_found_and_named(
    snapshot: sqlite3.Connection, change: str, subject: str, problem: str
):
    snapshot.execute(change)
    found = list(find_violations(snapshot, CHECKS))
    assert {one.invariant for one in found} == {6}
    assert [one for one in found if one.subject == subject and problem in one.problem], found


def test_events_of_one_moment_are_ordered_by_service_and_number(snapshot: sqlite3.Connection):
    insert(snapshot, "accepted", [("x", "invoice-x")])
    for service, number in (("payments", 1), ("orders", 10), ("orders", 2)):
        event = (f"{service}{number}", service, "x", number, f"E{number}", "now", "{}")
        insert(snapshot, "logged_events", [event])

    shown = "SELECT service, detail_type FROM expected_timelines WHERE order_id = 'x'"
    assert snapshot.execute(f"{shown} ORDER BY position").fetchall() == [
        ("orders", "E2"),
        ("orders", "E10"),
        ("payments", "E1"),
    ]


def test_sales_of_a_product_are_counted_by_currency(snapshot: sqlite3.Connection):
    snapshot.execute(
        "INSERT INTO logged_events SELECT 'in euros', service, 'x', sequence, detail_type, at,"
        " json_replace(data, '$.total.currency', 'EUR') FROM logged_events"
        " WHERE detail_type = 'OrderConfirmed' LIMIT 1"
    )

    found = snapshot.execute(
        "SELECT DISTINCT currency FROM expected_sales WHERE per = 'product' AND entry = 'A1'"
    ).fetchall()
    assert sorted(found) == [("EUR",), ("GBP",)]


TWICE = (
    "INSERT INTO logged_events SELECT 'again', service, order_id, sequence, detail_type, at,"
    " json_replace(data, '$.total.amount', 1) FROM logged_events WHERE log_id = '3'"
)


def test_event_published_with_two_contents_is_named(snapshot: sqlite3.Connection):
    snapshot.execute(TWICE)
    (found,) = [one for one in find_violations(snapshot, CHECKS) if one.invariant == 2]
    assert found.subject == "d"
    assert found.problem.startswith("event 1 of orders was published as OrderPlaced at 2026")


def test_each_rule_is_broken_by_a_sample(snapshot: sqlite3.Connection):
    fired = set()
    for change, *_ in [*BREAKS, (TWICE,)]:
        snapshot.execute("SAVEPOINT clean")
        snapshot.execute(change)
        fired |= {i for i, rule in enumerate(CHECKS) if snapshot.execute(rule.query).fetchone()}
        snapshot.execute("ROLLBACK TO clean")
    assert fired == set(range(len(CHECKS)))


def test_order_in_a_dead_letter_may_be_listed_as_it_was(snapshot: sqlite3.Connection):
    snapshot.execute("UPDATE orders SET state = 'CONFIRMED' WHERE order_id = 'p'")
    assert [one.subject for one in find_violations(snapshot, CHECKS)] == ["p"]
    insert(snapshot, "dead_letters", [("Outbox", '{"order_id": "p"}')])
    assert list(find_violations(snapshot, CHECKS)) == []

"""A clean set of records passes; each way of breaking a promise is caught and named."""

import sqlite3
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from demo.database import SCHEMA, insert
from demo.invariant_checks import CHECKS, QUIESCENT_CHECKS
from demo.invariants import Violation, find_violations

# order c is confirmed, and g has gone; s, p, a were rejected by stock, provider and address; v was
# rejected when its payment was refunded before the charge came; d was declined and then refunded as
# well. b was cancelled before its saga, m amid it, w once it was confirmed; l was, but too late.
ENDS = {
    "c": "CONFIRMED",
    "g": "DISPATCHED",
    **dict.fromkeys("spavdl", "REJECTED"),
    **dict.fromkeys("bmw", "CANCELLED"),
}
CLEAN: dict[str, list[tuple[Any, ...]]] = {
    "accepted": [(one, f"invoice-{one}") for one in ENDS],
    "cancel_requests": [
        *(("b", "CANCELLED"), ("m", "PLACED"), ("w", "WITHDRAWN")),
        *(("l", "PLACED"), ("s", "REJECTED"), ("p", None)),
    ],
    "orders": [
        (one, "ada", end, {"w": 4, "g": 3}.get(one, 2), 1000, "GBP", None, None)
        for one, end in ENDS.items()
    ],
    "order_lines": [(one, "A1", 2) for one in ENDS] + [("c", "B2", 1)],
    "stock": [("A1", 6, 2, 9, 15), ("B2", 4, 1, 3, 2), ("C3", 0, 0, 5, 0)],
    "deliveries": [("d-1", "A1", 6), ("d-2", "A1", 4), ("d-1", "B2", 5)],
    "reservations": [
        ("c", "RESERVED"),
        ("g", "SHIPPED"),
        ("s", "REFUSED"),
        *((one, "RELEASED") for one in "pavdlmw"),
    ],
    "reserved_lines": [(one, "A1", 2) for one in ENDS if one != "b"] + [("c", "B2", 1)],
    "shipments": [
        *(("c", "BOOKED"), ("g", "DISPATCHED"), ("a", "REFUSED"), ("v", "CANCELLED")),
        *(("m", "CANCELLED"), ("w", "CANCELLED")),
    ],
    "shipped_lines": [*((one, "A1", 2) for one in "cgaw"), ("c", "B2", 1)],
    "charges": [
        *((one, "TAKEN", 1000, "GBP") for one in "cg"),
        ("p", "DECLINED", 1000, "GBP"),
        ("a", "REFUNDED", 1000, "GBP"),
        ("v", "REFUNDED", 1000, "GBP"),
        ("d", "REFUNDED", 1000, "GBP"),
        ("l", "DECLINED", 1000, "GBP"),
        ("w", "REFUNDED", 1000, "GBP"),
        ("m", "REFUNDED", 1000, "GBP"),
        ("s", "REFUNDED", None, None),
    ],
    "entries": [
        *((one, "CHARGE", "card-provider", "customer/ada", 1000, "GBP") for one in "cg"),
        ("a", "CHARGE", "card-provider", "customer/ada", 1000, "GBP"),
        ("a", "REFUND", "customer/ada", "card-provider", 1000, "GBP"),
        *((one, "CHARGE", "card-provider", "customer/ada", 1000, "GBP") for one in "mw"),
        *((one, "REFUND", "customer/ada", "card-provider", 1000, "GBP") for one in "mw"),
    ],
    "provider_charges": [
        *((one, "CHARGED", 1000, "GBP") for one in "cg"),
        ("p", "DECLINED", 1000, "GBP"),
        ("a", "REFUNDED", 1000, "GBP"),
        ("v", "VOIDED", None, None),
        ("d", "DECLINED", 1000, "GBP"),
        ("l", "DECLINED", 1000, "GBP"),
        ("w", "REFUNDED", 1000, "GBP"),
        ("m", "REFUNDED", 1000, "GBP"),
    ],
    "picked_lines": [("g", "A1", 2)],
    # The stock of A1 was at change 12 when listening began. Change 14 came twice.
    "initial_stock": [("A1", 10, 0, 9, 12)],
    "stock_events": [
        *((None, "A1/13", "A1", 13, "StockChanged"), (None, "A1/14", "A1", 14, "StockChanged")),
        *(
            (None, "A1/14", "A1", 14, "StockChanged"),
            (None, "A1/15", "A1", 15, "StockBelowMinimum"),
        ),
        *((None, "B2/1", "B2", 1, "StockChanged"), (None, "B2/2", "B2", 2, "StockChanged")),
    ],
    "purchase_orders": [("A1/15", "A1", 9), ("A1/3", "A1", 9)],
    "availability": [("A1", "LOW", 6, 15), ("B2", "IN_STOCK", 4, 2), ("C3", "SOLD_OUT", 0, 0)],
    "warehouse_stock": [("A1", 6, 2, 9, 15), ("B2", 4, 1, 3, 2), ("C3", 0, 0, 5, 0)],
    "events": [
        *((f"{one}/1", one, 1, "OrderPlaced", "") for one in ENDS),
        *(
            (f"{one}/2", one, 2, f"Order{ENDS[one].capitalize()}", "")
            for one in ENDS
            if one not in "gw"
        ),
        ("g/2", "g", 2, "OrderConfirmed", ""),
        ("g/3", "g", 3, "OrderDispatched", ""),
        ("w/2", "w", 2, "OrderConfirmed", ""),
        ("w/3", "w", 3, "OrderWithdrawn", ""),
        ("w/4", "w", 4, "OrderCancelled", ""),
        # Delivered twice, which the bus may do; and one of nobody's.
        ("again", "c", 2, "OrderConfirmed", ""),
        ("test", None, None, "Order Notification", "{}"),
    ],
}

EVENT = '{"detail-type": "OrderConfirmed", "detail": {"metadata": {"subject": "ORDER"}}}'
REPAIR = '{"payload": {"order_id": "ORDER"}}'

BREAKS = [
    ("DELETE FROM orders WHERE order_id = 's'", 1, "s", "is not in the orders table"),
    ("UPDATE orders SET state = 'PLACED' WHERE order_id = 's'", 1, "s", "still PLACED"),
    ("UPDATE reservations SET state = 'RELEASED' WHERE order_id = 'c'", 1, "c", "no reservation"),
    ("DELETE FROM charges WHERE order_id = 'c'", 1, "c", "not charged"),
    ("UPDATE shipments SET state = 'CANCELLED' WHERE order_id = 'c'", 1, "c", "no shipment"),
    ("DELETE FROM shipments WHERE order_id = 'c'", 1, "c", "no shipment"),
    ("UPDATE reservations SET state = 'RELEASED' WHERE order_id = 'g'", 1, "g", "no reservation"),
    ("UPDATE reservations SET state = 'RESERVED' WHERE order_id = 'g'", 3, "g", "is RESERVED"),
    ("UPDATE reservations SET state = 'SHIPPED' WHERE order_id = 'c'", 3, "c", "is SHIPPED"),
    ("UPDATE shipments SET state = 'DISPATCHED' WHERE order_id = 'c'", 3, "c", "is CONFIRMED"),
    ("UPDATE shipments SET state = 'BOOKED' WHERE order_id = 'g'", 3, "g", "is DISPATCHED"),
    ("UPDATE shipments SET state = 'DISPATCHED' WHERE order_id = 'w'", 5, "w", "has its shipment"),
    ("DELETE FROM events WHERE detail_type = 'OrderDispatched'", 1, "g", "no OrderDispatched"),
    ("DELETE FROM events WHERE order_id = 'c' AND sequence = 2", 1, "c", "1 were logged"),
    ("UPDATE events SET sequence = 9 WHERE sequence = 2", 1, "c", "1 were logged"),
    ("UPDATE orders SET state = 'WITHDRAWN' WHERE order_id = 'w'", 1, "w", "still WITHDRAWN"),
    ("UPDATE orders SET state = 'CANCELLED' WHERE order_id = 'd'", 1, "d", "no request was made"),
    ("UPDATE orders SET state = 'CONFIRMED' WHERE order_id = 'm'", 1, "m", "and is CONFIRMED"),
    ("UPDATE orders SET state = 'REJECTED' WHERE order_id = 'b'", 1, "b", "and is REJECTED"),
    ("UPDATE orders SET state = 'REJECTED' WHERE order_id = 'w'", 1, "w", "and is REJECTED"),
    (
        "UPDATE cancel_requests SET answered_state = 'WITHDRAWN' WHERE order_id = 'l'",
        1,
        "l",
        "is REJECTED",
    ),
    *(
        (
            f"UPDATE events SET detail_type = 'OrderX' WHERE order_id = '{one}' AND sequence = 2",
            1,
            one,
            f"is {ENDS[one]}, and no Order{ENDS[one].capitalize()} was logged",
        )
        for one in "clbm"
    ),
    (
        "UPDATE events SET detail_type = 'OrderX' WHERE log_id = 'w/3'",
        1,
        "w",
        "no OrderWithdrawn was logged",
    ),
    (
        "UPDATE events SET detail_type = 'OrderConfirmed' WHERE log_id = 'm/1'",
        1,
        "m",
        "no OrderWithdrawn was logged",
    ),
    (
        "UPDATE cancel_requests SET answered_state = 'WITHDRAWN' WHERE order_id = 'm'",
        1,
        "m",
        "no OrderWithdrawn was logged",
    ),
    (
        "DELETE FROM events WHERE log_id = 'w/3'",
        1,
        "w",
        "published 4 events, 3 were logged",
    ),
    (
        "INSERT INTO events VALUES ('two', 'c', 2, 'OrderRejected', '')",
        2,
        "c",
        "event 2 was published as OrderConfirmed, OrderRejected",
    ),
    (
        "INSERT INTO events VALUES ('two', 'c', 3, 'OrderRejected', '')",
        2,
        "c",
        "was confirmed and rejected",
    ),
    (
        "INSERT INTO events VALUES ('two', 'g', 4, 'OrderCancelled', '')",
        2,
        "g",
        "ended more than once: OrderDispatched, OrderCancelled",
    ),
    (
        "INSERT INTO events VALUES ('two', 's', 3, 'OrderRejected', '')",
        2,
        "s",
        "ended more than once: OrderRejected, OrderRejected",
    ),
    (
        "INSERT INTO events VALUES ('two', 'c', 3, 'OrderConfirmed', '')",
        2,
        "c",
        "was confirmed 2 times",
    ),
    ("INSERT INTO orders SELECT * FROM orders WHERE order_id = 'c'", 2, "c", "2 rows"),
    ("INSERT INTO reservations VALUES ('c', 'RELEASED')", 2, "c", "2 reservations"),
    ("INSERT INTO reserved_lines VALUES ('c', 'A1', 2)", 2, "c", "2 reservations of A1"),
    ("INSERT INTO charges VALUES ('c', 'TAKEN', 1000, 'GBP')", 2, "c", "2 charges"),
    (
        "INSERT INTO provider_charges VALUES ('c', 'CHARGED', 1000, 'GBP')",
        2,
        "c",
        "2 charges at the card provider",
    ),
    ("INSERT INTO shipments VALUES ('c', 'BOOKED')", 2, "c", "2 shipments"),
    (
        "INSERT INTO entries VALUES ('c', 'CHARGE', 'card-provider', 'customer/ada', 1000, 'GBP')",
        2,
        "c",
        "2 entries of kind CHARGE",
    ),
    ("UPDATE provider_charges SET amount = 2000 WHERE order_id = 'c'", 2, "c", "took 2000 GBP"),
    ("UPDATE provider_charges SET currency = 'EUR' WHERE order_id = 'c'", 2, "c", "1000 EUR"),
    ("DELETE FROM provider_charges WHERE order_id = 'c'", 2, "c", "has it as unknown"),
    ("DELETE FROM charges WHERE order_id = 'p'", 2, "p", "the ledger as unknown"),
    (
        "UPDATE provider_charges SET state = 'CHARGED' WHERE order_id = 'p'",
        2,
        "p",
        "has it as CHARGED, the ledger as DECLINED",
    ),
    ("UPDATE stock SET available = 11, reserved = -1 WHERE sku = 'A1'", 3, "A1", "reserved is -1"),
    ("UPDATE stock SET available = available - 1 WHERE sku = 'A1'", 3, "A1", "9 are on hand"),
    ("DELETE FROM stock WHERE sku = 'B2'", 3, "B2", "5 arrived, 0 are on hand"),
    ("INSERT INTO stock VALUES ('Z9', 1, 0, 5, 1)", 3, "Z9", "0 arrived, 1 are on hand"),
    (
        "UPDATE stock SET available = 7, reserved = 3 WHERE sku = 'A1'",
        3,
        "A1",
        "3 are reserved, reservations sum to 2",
    ),
    (
        "UPDATE shipped_lines SET quantity = 9 WHERE order_id = 'c' AND sku = 'A1'",
        3,
        "c",
        "ordered 2 of A1, reserved 2, shipment 9",
    ),
    ("DELETE FROM reserved_lines WHERE sku = 'B2'", 3, "c", "ordered 1 of B2, reserved 0"),
    ("UPDATE entries SET debit = NULL WHERE order_id = 'c'", 4, "ledger", "are -1000 GBP"),
    ("UPDATE entries SET debit = NULL WHERE order_id = 'c'", 4, "c", "to nowhere"),
    ("UPDATE entries SET amount = -1000 WHERE order_id = 'c'", 4, "c", "moves -1000"),
    ("UPDATE entries SET debit = credit WHERE order_id = 'c'", 4, "c", "moves 1000"),
    ("DELETE FROM entries WHERE kind = 'REFUND'", 4, "a", "nets to 1000 on card-provider"),
    ("DELETE FROM entries WHERE kind = 'REFUND'", 4, "m", "is CANCELLED and nets to 1000"),
    ("DELETE FROM entries WHERE kind = 'REFUND'", 4, "w", "is CANCELLED and nets to 1000"),
    (
        "UPDATE entries SET debit = 'customer/bob' WHERE kind = 'REFUND'",
        4,
        "a",
        "nets to 1000 on customer/bob",
    ),
    ("UPDATE entries SET amount = 999 WHERE order_id = 'c'", 4, "c", "the ledger took 999"),
    ("DELETE FROM entries WHERE order_id = 'c'", 4, "c", "the ledger took 0"),
    ("UPDATE entries SET order_id = 'x' WHERE order_id = 'c'", 4, "x", "is no order"),
    ("UPDATE reservations SET state = 'RESERVED' WHERE order_id = 'p'", 5, "p", "reservation"),
    (
        "UPDATE provider_charges SET state = 'CHARGED' WHERE order_id = 'a'",
        5,
        "a",
        "still charged: 1000 GBP",
    ),
    *(
        (f"UPDATE {table} SET state = '{state}' WHERE order_id = '{one}'", 5, one, problem)
        for one in "mw"
        for table, state, problem in (
            ("reservations", "RESERVED", "still has its reservation"),
            ("provider_charges", "CHARGED", "is still charged: 1000 GBP"),
            ("charges", "TAKEN", "stands as TAKEN"),
            ("shipments", "BOOKED", "still has its shipment"),
        )
    ),
    ("INSERT INTO reservations VALUES ('b', 'RESERVED')", 5, "b", "its reservation"),
    ("UPDATE charges SET state = 'PENDING' WHERE order_id = 'v'", 5, "v", "stands as PENDING"),
    ("UPDATE shipments SET state = 'BOOKED' WHERE order_id = 'v'", 5, "v", "its shipment"),
]

LATE_BREAKS = [
    (
        "INSERT INTO accepted VALUES ('c', 'invoice-c')",
        1,
        "c",
        "is confirmed, and was not dispatched",
    ),
    (
        "DELETE FROM stock_events WHERE event_id = 'B2/1'",
        1,
        "B2",
        "2 times, 1 were published",
    ),
    (
        "DELETE FROM stock_events WHERE event_id = 'B2/2'",
        1,
        "B2",
        "2 times, 1 were published",
    ),
    ("DELETE FROM stock_events WHERE sku = 'B2'", 1, "B2", "2 times, 0 were published"),
    ("DELETE FROM stock_events WHERE event_id = 'A1/14'", 1, "A1", "3 times, 2 were"),
    ("UPDATE stock_events SET sequence = 2 WHERE sku = 'B2'", 1, "B2", "1 were published"),
    (
        "DELETE FROM purchase_orders WHERE purchase_order_id = 'A1/15'",
        1,
        "A1",
        "was StockBelowMinimum as change 15, and nothing was ordered",
    ),
    (
        "UPDATE stock_events SET detail_type = 'StockSoldOut' WHERE sku = 'B2'",
        1,
        "B2",
        "was StockSoldOut as change 1, and nothing was ordered",
    ),
    *(
        (f"INSERT INTO {table} (order_id) VALUES ('x')", 1, "x", f"in {table}, and is no order")
        for table in ("reservations", "charges", "provider_charges", "shipments", "picked_lines")
    ),
    *(
        (
            f"INSERT INTO picked_lines VALUES ('{one}', 'A1', 2)",
            *(2, one, f"was picked, is {ENDS[one]}, and was never confirmed"),
        )
        for one in "bms"
    ),
    (
        "INSERT INTO stock_events VALUES (NULL, 'B2/2b', 'B2', 2, 'StockReplenished')",
        2,
        "B2",
        "change 2 was published as StockChanged, StockReplenished",
    ),
    *(
        (
            f"UPDATE stock_events SET detail_type = '{before}' WHERE event_id = 'A1/14'",
            *(2, "A1", "crossed its minimum with change 14 and again with change 15"),
        )
        for before in ("StockBelowMinimum", "StockSoldOut")
    ),
    (
        "UPDATE stock_events SET detail_type = 'StockSoldOut' WHERE sku = 'B2'",
        2,
        "B2",
        "sold out with change 1 and again with the next",
    ),
    (
        "INSERT INTO purchase_orders VALUES ('A1/14', 'A1', 9)",
        2,
        "A1",
        "was ordered for StockChanged, change 14",
    ),
    ("DELETE FROM picked_lines", 3, "g", "ordered 2 of A1, and 0 were picked"),
    ("UPDATE picked_lines SET quantity = 3", 3, "g", "ordered 2 of A1, and 3 were picked"),
    ("UPDATE picked_lines SET sku = 'B2'", 3, "g", "ordered 0 of B2, and 2 were picked"),
    (
        "UPDATE availability SET available = 7 WHERE sku = 'A1'",
        6,
        "A1",
        "is 6 LOW as of change 15, the storefront shows 7 LOW as of change 15",
    ),
    ("UPDATE availability SET state = 'IN_STOCK' WHERE sku = 'A1'", 6, "A1", "shows 6 IN_STOCK"),
    ("UPDATE stock SET available = 3 WHERE sku = 'B2'", 6, "B2", "is 3 IN_STOCK"),
    ("UPDATE stock SET available = 2 WHERE sku = 'B2'", 6, "B2", "is 2 LOW"),
    ("UPDATE stock SET available = 0 WHERE sku = 'B2'", 6, "B2", "is 0 SOLD_OUT"),
    (
        "UPDATE availability SET sequence = 14 WHERE sku = 'A1'",
        6,
        "A1",
        "shows 6 LOW as of change 14",
    ),
    ("DELETE FROM availability WHERE sku = 'B2'", 6, "B2", "is 4 IN_STOCK as of change 2"),
    ("INSERT INTO availability VALUES ('Z9', 'LOW', 1, 1)", 6, "Z9", "the storefront shows 1 LOW"),
    (
        "UPDATE warehouse_stock SET reserved = 1 WHERE sku = 'A1'",
        6,
        "A1",
        "is 6 + 2 of at least 9 as of change 15, the warehouse has 6 + 1",
    ),
    ("UPDATE warehouse_stock SET minimum = 1 WHERE sku = 'A1'", 6, "A1", "has 6 + 2 of at least 1"),
    (
        "DELETE FROM warehouse_stock WHERE sku = 'B2'",
        6,
        "B2",
        "is 4 + 1 of at least 3 as of change 2",
    ),
]


@pytest.fixture
def snapshot() -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(":memory:")
    database.executescript(SCHEMA)
    for table, rows in CLEAN.items():
        insert(database, table, rows)
    yield database
    database.close()


def test_clean_records_break_no_promise(snapshot: sqlite3.Connection):
    assert list(find_violations(snapshot, CHECKS)) == []


@pytest.mark.parametrize(("change", "invariant", "subject", "problem"), BREAKS)
def test_broken_promise_is_found_and_named(
    snapshot: sqlite3.Connection, change: str, invariant: int, subject: str, problem: str
):
    snapshot.execute(change)
    found = list(find_violations(snapshot, CHECKS))
    assert [
        one
        for one in found
        if (one.invariant, one.subject) == (invariant, subject) and problem in one.problem
    ], found


@pytest.fixture
def quiescent(snapshot: sqlite3.Connection) -> sqlite3.Connection:
    """The same records when all work is done; c, not dispatched, is of another run."""
    snapshot.execute("DELETE FROM accepted WHERE order_id = 'c'")
    return snapshot


def test_clean_records_break_no_promise_when_all_work_is_done(quiescent: sqlite3.Connection):
    assert list(find_violations(quiescent, CHECKS + QUIESCENT_CHECKS)) == []


@pytest.mark.parametrize(("change", "invariant", "subject", "problem"), LATE_BREAKS)
def test_promise_broken_when_all_work_is_done_is_found_and_named(
    quiescent: sqlite3.Connection, change: str, invariant: int, subject: str, problem: str
):
    quiescent.execute(change)
    found = list(find_violations(quiescent, QUIESCENT_CHECKS))
    assert [
        one
        for one in found
        if (one.invariant, one.subject) == (invariant, subject) and problem in one.problem
    ], found


def test_each_rule_is_broken_by_a_sample(quiescent: sqlite3.Connection):
    rules = CHECKS + QUIESCENT_CHECKS
    fired = set()
    for change, *_ in BREAKS + LATE_BREAKS:
        quiescent.execute("SAVEPOINT clean")
        quiescent.execute(change)
        fired |= {i for i, rule in enumerate(rules) if quiescent.execute(rule.query).fetchone()}
        quiescent.execute("ROLLBACK TO clean")
    assert fired == set(range(len(rules)))


def test_order_in_the_picking_dead_letters_is_not_lost(quiescent: sqlite3.Connection):
    quiescent.execute("INSERT INTO accepted VALUES ('c', 'invoice-c')")
    assert [one.subject for one in find_violations(quiescent, QUIESCENT_CHECKS)] == ["c"]
    insert(quiescent, "dead_letters", [("PickingDeadLetters", EVENT.replace("ORDER", "c"))])
    assert list(find_violations(quiescent, QUIESCENT_CHECKS)) == []


def test_withdrawn_order_in_a_dead_letter_is_not_lost(snapshot: sqlite3.Connection):
    snapshot.execute("UPDATE orders SET state = 'WITHDRAWN' WHERE order_id = 'w'")
    assert [(one.invariant, one.subject) for one in find_violations(snapshot, CHECKS)] == [(1, "w")]
    insert(snapshot, "dead_letters", [("Repair", '{"payload": {"order_id": "w"}}')])
    assert list(find_violations(snapshot, CHECKS)) == []


def test_order_on_a_queue_is_not_lost(snapshot: sqlite3.Connection):
    snapshot.execute("UPDATE orders SET state = 'PLACED' WHERE order_id = 'p'")
    snapshot.execute("DELETE FROM events WHERE order_id = 'p' AND sequence = 2")
    snapshot.execute("UPDATE reservations SET state = 'RELEASED' WHERE order_id = 'p'")
    assert {one.invariant for one in find_violations(snapshot, CHECKS)} == {1}
    insert(snapshot, "dead_letters", [("Repair", '{"payload": {"order_id": "p"}}')])
    assert list(find_violations(snapshot, CHECKS)) == []


def test_violation_names_promise_subject_and_fault(snapshot: sqlite3.Connection):
    snapshot.execute("UPDATE shipments SET state = 'BOOKED' WHERE order_id = 'v'")
    assert list(find_violations(snapshot, CHECKS)) == [
        Violation(invariant=5, subject="v", problem="still has its shipment")
    ]


ANSWERS = ("CANCELLED", "PLACED", "WITHDRAWN", "REJECTED", None)


@pytest.mark.parametrize(
    ("answered", "state"),
    list(
        product(
            ("CANCELLED", "PLACED", "WITHDRAWN", "REJECTED", None),
            ("CONFIRMED", "DISPATCHED", "REJECTED", "CANCELLED"),
        )
    ),
)
def test_order_that_ends_against_its_cancellations_answer_is_named(
    snapshot: sqlite3.Connection, answered: str | None, state: str
):
    # PLACED asks a saga, which may reject the order; WITHDRAWN undoes, DISPATCHED was too late.
    allowed = {
        "CANCELLED": ("CANCELLED",),
        "PLACED": ("CANCELLED", "REJECTED"),
        "WITHDRAWN": ("CANCELLED", "DISPATCHED"),
        "REJECTED": ("REJECTED", "CONFIRMED", "DISPATCHED"),
        None: ("CANCELLED", "REJECTED", "CONFIRMED", "DISPATCHED"),
    }[answered]
    snapshot.execute(
        "UPDATE cancel_requests SET answered_state = ? WHERE order_id = 'l'", [answered]
    )
    snapshot.execute("UPDATE orders SET state = ? WHERE order_id = 'l'", [state])
    problem = f"was to be cancelled, and is {state}"
    found = [one.subject for one in find_violations(snapshot, CHECKS) if one.problem == problem]
    assert found == ([] if state in allowed else ["l"])


@pytest.mark.parametrize(
    ("change", "order"),
    [
        ("DELETE FROM events WHERE log_id = 'p/1'", "p"),
        ("UPDATE events SET detail_type = 'OrderX' WHERE log_id = 'p/2'", "p"),
        ("UPDATE events SET detail_type = 'OrderX' WHERE log_id = 'w/3'", "w"),
        ("UPDATE reservations SET state = 'RESERVED' WHERE order_id = 'g'", "g"),
        ("UPDATE orders SET state = 'PLACED' WHERE order_id = 'p'", "p"),
    ],
)
def test_only_the_order_that_a_dead_letter_is_about_is_excused(
    snapshot: sqlite3.Connection, change: str, order: str
):
    snapshot.execute(change)
    subjects = {one.subject for one in find_violations(snapshot, CHECKS)} - {"A1"}
    assert subjects == {order}
    insert(
        snapshot, "dead_letters", [("Q", REPAIR.replace("ORDER", "zz")), ("Q", "no JSON " + order)]
    )
    insert(snapshot, "dead_letters", [("Q", f'{{"explanation": "the same as order {order}"}}')])
    insert(
        snapshot, "dead_letters", [("Q", f'{{"explanation": "{order}", "order_ids": "{order}"}}')]
    )
    assert {one.subject for one in find_violations(snapshot, CHECKS)} - {"A1"} == {order}
    insert(snapshot, "dead_letters", [("Q", EVENT.replace("ORDER", order))])
    assert {one.subject for one in find_violations(snapshot, CHECKS)} - {"A1"} == set()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE stock SET available = 0, reserved = reserved + 4 WHERE sku = 'B2'",
        "UPDATE stock SET reserved = 0, available = available + 1 WHERE sku = 'B2'",
    ],
)
def test_stock_of_zero_is_not_below_a_minimum_of_zero(snapshot: sqlite3.Connection, change: str):
    snapshot.execute(change)
    found = [
        one.problem for one in find_violations(snapshot, CHECKS) if "available is" in one.problem
    ]
    assert found == []


def test_ledger_entry_of_zero_is_named(snapshot: sqlite3.Connection):
    snapshot.execute("UPDATE entries SET amount = 0 WHERE order_id = 'c'")
    found = [one.problem for one in find_violations(snapshot, CHECKS) if one.subject == "c"]
    assert "an entry moves 0 from customer/ada to card-provider" in found


def test_crossings_with_a_replenishment_between_them_are_two(quiescent: sqlite3.Connection):
    types = ["StockBelowMinimum", "StockReplenished", "StockBelowMinimum"]
    for sequence, kind in zip((13, 14, 15), types, strict=True):
        quiescent.execute(
            "UPDATE stock_events SET detail_type = ? WHERE sku = 'A1' AND sequence = ?",
            [kind, sequence],
        )
    insert(quiescent, "purchase_orders", [("A1/13", "A1", 9)])
    assert list(find_violations(quiescent, QUIESCENT_CHECKS)) == []


def test_selling_out_again_after_another_change_is_another_crossing(quiescent: sqlite3.Connection):
    types = ["StockSoldOut", "StockChanged", "StockSoldOut"]
    for sequence, kind in zip((13, 14, 15), types, strict=True):
        quiescent.execute(
            "UPDATE stock_events SET detail_type = ? WHERE sku = 'A1' AND sequence = ?",
            [kind, sequence],
        )
    insert(quiescent, "purchase_orders", [("A1/13", "A1", 9)])
    assert list(find_violations(quiescent, QUIESCENT_CHECKS)) == []

"""Repeated orders are judged right; each way of judging them wrong is found and named."""

import io
import json
import sqlite3
from collections.abc import Iterator

import pytest

from demo import duplicates, order_book
from demo.database import SCHEMA, insert
from demo.duplicates import CHECKS
from demo.invariants import find_violations
from demo.screen import Screen

A = {"sku": "A1", "quantity": 2, "unit_price": 100}
B = {"sku": "B2", "quantity": 1, "unit_price": 250}
# o repeats nothing. l, let go, c, cancelled, and m, found too late, repeat it; x is another order,
# and s another customer's. e is equal, but was placed long after it.
LINES = {"o": [A, B], "l": [B, A], "c": [A, B], "m": [A, B], "x": [A], "s": [A, B], "e": [A, B]}
STATES = {"c": "CANCELLED"}
MINUTES = {"o": 0, "l": 1, "c": 2, "m": 3, "x": 4, "s": 4, "e": 59}
HOLDS = {"l": "LIFTED", "c": "HELD", "m": "MISSED"}


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.executescript(order_book.SCHEMA + SCHEMA + duplicates.SCHEMA)
    for line, (one, lines) in enumerate(LINES.items(), 2):
        customer = "bob" if one == "s" else "ada"
        invoice = (line, f"i-{one}", customer, "EIRE", json.dumps(lines))
        insert(connection, "invoices", [invoice])
        insert(connection, "accepted", [(one, f"i-{one}")])
        state = STATES.get(one, "DISPATCHED")
        insert(connection, "orders", [(one, customer, state, 3, 450, "GBP", None, None)])
        at = f"2026-12-01T08:{MINUTES[one]:02}:00+00:00"
        hold = HOLDS.get(one)
        insert(connection, "placements", [(one, at, "o" if hold else None, hold, 300)])
    insert(connection, "duplicates", [("l", "LIFT", "the same as o"), ("c", "CANCEL", "same")])
    connection.execute("INSERT INTO contents SELECT * FROM invoice_contents")
    yield connection
    connection.close()


def test_duplicates_that_were_noticed_and_decided_break_no_promise(database: sqlite3.Connection):
    assert list(find_violations(database, CHECKS)) == []


@pytest.mark.parametrize(
    ("change", "invariant", "subject", "problem"),
    [
        (
            "UPDATE placements SET duplicate_of = NULL WHERE order_id = 'l'",
            *(2, "l", "repeats order o, and was not noticed"),
        ),
        (
            "UPDATE placements SET duplicate_of = 'o' WHERE order_id = 'x'",
            *(1, "x", "counts as a duplicate of order o, and does not repeat it"),
        ),
        (
            "UPDATE placements SET duplicate_of = 'o' WHERE order_id = 's'",
            *(1, "s", "counts as a duplicate of order o, and does not repeat it"),
        ),
        (
            "UPDATE placements SET duplicate_of = 'o' WHERE order_id = 'e'",
            *(1, "e", "counts as a duplicate of order o, and does not repeat it"),
        ),
        (
            "UPDATE orders SET state = 'CONFIRMED' WHERE order_id = 'l'",
            *(1, "l", "the operator let go, and is CONFIRMED"),
        ),
        (
            "UPDATE orders SET state = 'DISPATCHED' WHERE order_id = 'c'",
            *(2, "c", "the operator cancelled, and is DISPATCHED"),
        ),
        (
            "UPDATE placements SET hold = 'HELD' WHERE order_id = 'l'",
            *(2, "l", "was dispatched while it was held"),
        ),
    ],
)
def test_duplicate_with_the_wrong_outcome_is_found_and_named(
    database: sqlite3.Connection, change: str, invariant: int, subject: str, problem: str
):
    database.execute(change)
    found = [(one.invariant, one.subject) for one in find_violations(database, CHECKS)]
    assert (invariant, subject) in found
    assert any(problem in one.problem for one in find_violations(database, CHECKS))


OTHER_LINES = [[A | change, B] for change in ({"sku": "X"}, {"quantity": 3}, {"unit_price": 101})]


@pytest.mark.parametrize(
    "change",
    ["country = 'France'", *(f"lines = '{json.dumps(lines)}'" for lines in OTHER_LINES)],
)
def test_order_that_differs_in_one_thing_repeats_none(database: sqlite3.Connection, change: str):
    known = "SELECT repeats FROM repeats WHERE order_id = 'l'"
    assert database.execute(known).fetchall() == [("o",)]
    database.execute(f"UPDATE invoices SET {change} WHERE number = 'i-l'")
    database.execute("DELETE FROM contents")
    database.execute("INSERT INTO contents SELECT * FROM invoice_contents")

    assert database.execute(known).fetchall() == []


def test_of_two_orders_of_one_moment_that_with_the_higher_id_repeats_the_other(
    database: sqlite3.Connection,
):
    database.execute(
        "UPDATE placements SET placed_at = '2026-12-01T08:00:00+00:00' WHERE order_id = 'l'"
    )

    pairs = database.execute("SELECT * FROM repeats").fetchall()
    assert [pair for pair in pairs if set(pair) == {"l", "o"}] == [("o", "l")]


def test_unnoticed_duplicate_is_named_before_it_is_dispatched(database: sqlite3.Connection):
    database.execute("UPDATE placements SET duplicate_of = NULL WHERE order_id = 'm'")
    database.execute("UPDATE orders SET state = 'CONFIRMED' WHERE order_id = 'm'")

    assert [one.subject for one in find_violations(database, CHECKS)] == ["m"]


@pytest.mark.parametrize(("order", "state"), [("l", "CONFIRMED"), ("c", "WITHDRAWN")])
def test_decided_duplicate_on_a_queue_is_not_lost(
    database: sqlite3.Connection, order: str, state: str
):
    database.execute("UPDATE orders SET state = ? WHERE order_id = ?", [state, order])
    assert [one.subject for one in find_violations(database, CHECKS)] == [order]
    insert(database, "dead_letters", [("Repair", f'{{"payload": {{"order_id": "{order}"}}}}')])
    assert list(find_violations(database, CHECKS)) == []


def test_duplicate_of_another_run_is_not_judged(database: sqlite3.Connection):
    database.execute("UPDATE placements SET duplicate_of = 'x' WHERE order_id = 's'")
    database.execute("DELETE FROM accepted WHERE order_id = 's'")

    assert list(find_violations(database, CHECKS)) == []


@pytest.mark.parametrize(
    "excuse",
    [
        "UPDATE orders SET state = 'REJECTED' WHERE order_id = 'l'",
        "UPDATE orders SET state = 'REJECTED' WHERE order_id = 'o'",
        "INSERT INTO cancel_requests VALUES ('l', 'WITHDRAWN')",
    ],
)
def test_repeated_order_whose_original_was_undone_is_no_duplicate(
    database: sqlite3.Connection, excuse: str
):
    database.execute("DELETE FROM duplicates")
    database.execute("UPDATE placements SET duplicate_of = NULL, hold = NULL")
    database.execute("DELETE FROM contents WHERE order_id IN ('c', 'm')")
    assert [one.subject for one in find_violations(database, CHECKS)] == ["l"]
    database.execute(excuse)
    assert list(find_violations(database, CHECKS)) == []


def test_duplicates_and_decisions_are_shown(database: sqlite3.Connection):
    out = io.StringIO()
    duplicates.show(Screen(out), database)
    assert [line.strip() for line in out.getvalue().splitlines() if line] == [
        "Duplicates",
        "repeat an order       3  e.g. “same”",
        "let go by the operator   1  1 dispatched since",
        "cancelled              1  1 cancelled since",
        "found too late         1  dispatched before",
    ]


def test_nothing_is_shown_without_repeated_orders(database: sqlite3.Connection):
    database.execute("UPDATE placements SET duplicate_of = NULL")
    out = io.StringIO()
    duplicates.show(Screen(out), database)
    assert out.getvalue() == ""

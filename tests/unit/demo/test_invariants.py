"""A clean set of records passes; each way of breaking a promise is caught and named."""

import sqlite3
from itertools import product

import pytest

from demo.database import insert
from demo.event_checks import STOCK_CHECKS
from demo.invariant_checks import CHECKS, QUIESCENT_CHECKS
from demo.invariants import Violation, find_violations
from tests.support.broken_promises import BREAKS, LATE_BREAKS
from tests.support.clean_records import EVENT, REPAIR


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


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(changes, id=name)
        for name, *changes in (
            (
                "units are being shipped",
                "UPDATE reservations SET state = 'SHIPPING' WHERE order_id = 'c'",
            ),
            (
                "units are being released",
                "UPDATE reservations SET state = 'RELEASING' WHERE order_id = 'a'",
                "UPDATE stock SET available = 4, reserved = 4 WHERE sku = 'A1'",
                "UPDATE availability SET available = 4 WHERE sku = 'A1'",
                "UPDATE warehouse_stock SET available = 4, reserved = 4 WHERE sku = 'A1'",
            ),
            (
                "the order of somebody else was cancelled",
                "DELETE FROM accepted WHERE order_id = 'b'",
                "DELETE FROM cancel_requests WHERE order_id = 'b'",
            ),
            (
                "a duplicate was cancelled",
                "DELETE FROM cancel_requests WHERE order_id = 'b'",
                "UPDATE orders SET reason = 'DuplicateOrder' WHERE order_id = 'b'",
            ),
            (
                "orders cannot note that the parcel has left",
                "UPDATE orders SET state = 'CONFIRMED' WHERE order_id = 'g'",
                f"INSERT INTO dead_letters VALUES ('Q', '{EVENT.replace('ORDER', 'g')}')",
            ),
            (
                "the last event and a crossing were delivered twice",
                "INSERT INTO events VALUES ('g again', 'g', 3, 'OrderDispatched', '')",
                "INSERT INTO stock_events VALUES (NULL, 'A1/15', 'A1', 15, 'StockBelowMinimum')",
            ),
            (
                "an order was picked before it was withdrawn; its parcel did not leave",
                "INSERT INTO picked_lines VALUES ('w', 'A1', 2)",
            ),
        )
    ],
)
def test_records_of_work_in_progress_break_no_promise(
    quiescent: sqlite3.Connection, changes: list[str]
):
    for change in changes:
        quiescent.execute(change)

    assert list(find_violations(quiescent, CHECKS + QUIESCENT_CHECKS)) == []


@pytest.mark.parametrize("change", [change for change, *_ in BREAKS + LATE_BREAKS])
def test_violation_is_named_once_though_every_event_came_twice(
    quiescent: sqlite3.Connection, change: str
):
    quiescent.execute(change)
    for again in (
        "events SELECT log_id || ' again', order_id, sequence, detail_type, message FROM events",
        "stock_events SELECT NULL, event_id, sku, sequence, detail_type FROM stock_events",
        "picked_lines SELECT order_id, 'Z9', 1 FROM picked_lines",
    ):
        quiescent.execute(f"INSERT INTO {again}")

    found = list(find_violations(quiescent, CHECKS + QUIESCENT_CHECKS))
    assert len(found) == len(set(found))


def test_picked_order_that_was_withdrawn_must_not_leave(quiescent: sqlite3.Connection):
    quiescent.execute("INSERT INTO picked_lines VALUES ('w', 'A1', 2)")
    quiescent.execute("UPDATE shipments SET state = 'DISPATCHED' WHERE order_id = 'w'")

    found = {(one.invariant, one.subject) for one in find_violations(quiescent, CHECKS)}
    assert {(3, "w"), (5, "w")} <= found


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
    insert(snapshot, "dead_letters", [("Q", '{"order_id": null}')])
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


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("amount = 0", "an entry moves 0 from customer/ada to card-provider"),
        ("amount = 1", None),
        ("credit = NULL", "an entry moves 1000 from nowhere to card-provider"),
        ("debit = NULL", "an entry moves 1000 from customer/ada to nowhere"),
    ],
)
def test_ledger_entry_that_moves_nothing_from_or_to_an_account_is_named(
    snapshot: sqlite3.Connection, change: str, problem: str | None
):
    snapshot.execute(f"UPDATE entries SET {change} WHERE order_id = 'c'")
    found = [one.problem for one in find_violations(snapshot, CHECKS) if one.invariant == 4]
    moves = [each for each in found if each.startswith("an entry moves")]
    assert moves == ([problem] if problem else [])


def test_crossings_with_a_replenishment_between_them_are_two(quiescent: sqlite3.Connection):
    types = ["StockBelowMinimum", "StockReplenished", "StockBelowMinimum"]
    for sequence, kind in zip((13, 14, 15), types, strict=True):
        quiescent.execute(
            "UPDATE stock_events SET detail_type = ? WHERE sku = 'A1' AND sequence = ?",
            [kind, sequence],
        )
    assert list(find_violations(quiescent, STOCK_CHECKS)) == []


def test_selling_out_again_after_another_change_is_another_crossing(quiescent: sqlite3.Connection):
    types = ["StockSoldOut", "StockChanged", "StockSoldOut"]
    for sequence, kind in zip((13, 14, 15), types, strict=True):
        quiescent.execute(
            "UPDATE stock_events SET detail_type = ? WHERE sku = 'A1' AND sequence = ?",
            [kind, sequence],
        )
    assert list(find_violations(quiescent, STOCK_CHECKS)) == []

"""The store: conditional transitions, conflicts, and the ledger's constraints."""

from dataclasses import replace

import pytest
from pg8000.native import DatabaseError

from lambdas.payments.database import RETRY, Database, connect
from lambdas.payments.domain import (
    Charged,
    Declined,
    State,
    apply_result,
    mark_refunded,
    pending_charge,
    tombstone,
)
from tests.support.payments import Watched, entries, ledger_of, take_command


def with_rival(rival, times):
    """A database where ``rival`` commits in the middle of our first ``times`` transactions."""
    waits: list[float] = []
    left = [times]

    def watch(connection, sql):
        if "UPDATE" in sql and left[0]:
            left[0] -= 1
            connection.run("SELECT 1")  # from here on our transaction sees the past
            rival()

    return (
        Database(
            lambda: Watched(connect(), watch),
            retry=replace(RETRY, sleep=waits.append, jitter=lambda: 0.5),
        ),
        waits,
    )


def touch(admin, order_id):
    admin.run("UPDATE payments.charges SET changed_at = now() WHERE order_id = :id", id=order_id)


def test_find_or_create_returns_the_charge_on_record(store):
    charge = pending_charge(take_command())
    assert store.find_or_create(charge) == charge
    assert store.find_or_create(tombstone(charge.order_id)) == charge
    declined = apply_result(charge, Declined("no"))
    store.transition(charge, declined)
    assert store.find_or_create(charge) == declined


def test_transition_from_a_past_state_changes_nothing(admin, store):
    charge = store.find_or_create(pending_charge(take_command()))
    refunded = store.transition(charge, mark_refunded(charge))
    assert store.transition(charge, apply_result(charge, Charged())) == refunded
    assert entries(admin, charge.order_id) == []


def test_conflicting_transition_is_retried_and_returns_the_rivals_charge(admin, store):
    charge = store.find_or_create(pending_charge(take_command()))
    taken = apply_result(charge, Charged())
    database, waits = with_rival(lambda: store.transition(charge, taken), times=1)
    assert ledger_of(database).transition(charge, mark_refunded(charge)) == taken
    assert len(waits) == 1
    assert [row[0] for row in entries(admin, charge.order_id)] == ["CHARGE"]
    database.close()


def test_conflict_without_a_change_of_state_is_retried_until_it_succeeds(admin, store):
    charge = store.find_or_create(pending_charge(take_command()))
    database, waits = with_rival(
        lambda: touch(admin, charge.order_id), times=RETRY.max_attempts - 1
    )
    assert ledger_of(database).transition(charge, mark_refunded(charge)).state is State.REFUNDED
    assert waits == [0.02, 0.04, 0.08, 0.16]
    database.close()


def test_endless_conflict_is_an_error_and_leaves_no_transaction_open(admin, store):
    charge = store.find_or_create(pending_charge(take_command()))
    database, waits = with_rival(lambda: touch(admin, charge.order_id), times=RETRY.max_attempts)
    with pytest.raises(DatabaseError) as failed:
        ledger_of(database).transition(charge, apply_result(charge, Charged()))
    assert failed.value.args[0]["C"] == "40001"
    assert len(waits) == RETRY.max_attempts - 1
    assert store.find_or_create(charge) == charge
    assert ledger_of(database).transition(charge, mark_refunded(charge)).state is State.REFUNDED
    database.close()


def test_state_and_entry_are_written_in_one_transaction(admin, store):
    charge = store.find_or_create(pending_charge(take_command()))

    def watch(connection, sql):
        if "payments.entries" in sql:
            raise ZeroDivisionError

    database = Database(lambda: Watched(connect(), watch))
    with pytest.raises(ZeroDivisionError):
        ledger_of(database).transition(charge, apply_result(charge, Charged()))
    assert store.find_or_create(charge).state is State.PENDING
    database.close()


@pytest.mark.parametrize(
    ("column", "value"), [("amount", 0), ("amount", -1), ("kind", "GIFT"), ("credit", "a")]
)
def test_ledger_rejects_an_unbalanced_entry(admin, column, value):
    row = {"kind": "CHARGE", "debit": "a", "credit": "b", "amount": 1} | {column: value}
    with pytest.raises(DatabaseError) as refused:
        admin.run(
            "INSERT INTO payments.entries (order_id, kind, debit, credit, amount, currency)"
            " VALUES ('x', :kind, :debit, :credit, :amount, 'GBP')",
            **row,
        )
    assert refused.value.args[0]["C"] == "23514"

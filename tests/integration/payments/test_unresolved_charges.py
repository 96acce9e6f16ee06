"""The index of unresolved charges, and how a report of the order's state reconciles a charge."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lambdas.contracts.orders import OrderStatusReported
from lambdas.payments.charging import reconcile, refund, take
from lambdas.payments.database import RETRY, Database, connect
from lambdas.payments.domain import Charge, State, pending_charge, tombstone
from lambdas.payments.unresolved_charges import UnresolvedCharges
from lambdas.runtime.bus import Bus
from lambdas.runtime.status_queries import QueryOutcome
from tests.support.aws_fakes import FakeEvents
from tests.support.payments import (
    CardProvider,
    Crash,
    Crashing,
    Watched,
    balances,
    entries,
    ledger_of,
    make_stale,
    queries_sent,
    refund_command,
    take_command,
    unresolved_orders,
)

STALE_AFTER = timedelta(hours=1)
UNDONE, CONFIRMED = ("REJECTED", "CANCELLED"), ("CONFIRMED", "DISPATCHED")
IN_PROGRESS = ("PLACED", "WITHDRAWN", "SOME_LATER_STATE")

NO_WAIT = replace(RETRY, sleep=lambda _: None)

pytestmark = pytest.mark.usefixtures("empty_indexes")


class TestIndex:
    def test_charge_is_in_the_index_until_it_is_refunded(self, admin, store, provider):
        command = take_command()
        store.find_or_create(pending_charge(command))
        assert unresolved_orders(admin) == [command.order_id]
        take(command, store, provider)
        assert unresolved_orders(admin) == [command.order_id]
        refund(refund_command(command.order_id), store, provider)
        assert unresolved_orders(admin) == []

    def test_declined_charge_and_tombstone_are_not_in_the_index(self, admin, store):
        take(take_command(), store, CardProvider(declines=True))
        store.find_or_create(tombstone(take_command().order_id))
        assert unresolved_orders(admin) == []

    def test_repeated_creation_is_no_activity(self, admin, store, unresolved_charges):
        command = take_command()
        store.find_or_create(pending_charge(command))
        make_stale(admin)
        store.find_or_create(pending_charge(command))
        assert unresolved_charges.find_stale(stale_after=STALE_AFTER) == [command.order_id]

    def test_charge_and_its_row_are_written_in_one_transaction(self, admin, store):
        """A crash between the two writes leaves neither."""
        charge = pending_charge(take_command())

        def watch(connection: Any, sql: str) -> None:
            if "payments.unresolved_charges" in sql:
                raise Crash

        database = Database(lambda: Watched(connect(), watch))
        with pytest.raises(Crash):
            ledger_of(database).find_or_create(charge)
        found = "SELECT 1 FROM payments.charges WHERE order_id = :id"
        assert admin.run(found, id=charge.order_id) == []


class TestReconcile:
    def reconcile(self, order_id, state, store, provider, unresolved_charges) -> str:
        order = OrderStatusReported(order_id=order_id, state=state)
        return reconcile(
            order, charges=store, provider=provider, unresolved_charges=unresolved_charges
        )

    @pytest.mark.parametrize("state", UNDONE)
    @pytest.mark.parametrize("progress", ["pending", "charged", "taken"])
    def test_charge_of_an_undone_order_is_refunded_once(
        self, admin, store, provider, unresolved_charges, events, progress, state
    ):
        command = take_command()
        store.find_or_create(pending_charge(command))
        if progress != "pending":
            provider.charge(command.order_id, command.customer_id, command.total)
        if progress == "taken":
            take(command, store, provider)
        make_stale(admin)
        assert unresolved_charges.query_stale(stale_after=STALE_AFTER) == QueryOutcome(
            queried=1, rejected=0
        )

        for _ in range(3):
            done = self.reconcile(command.order_id, state, store, provider, unresolved_charges)
            assert done == "REFUNDED"

        assert provider.collected(command.order_id) == 0
        assert balances(admin, command.order_id) == {}
        assert len(entries(admin, command.order_id)) == (2 if progress == "taken" else 0)
        assert unresolved_orders(admin) == []
        assert take(command, store, provider).state is State.REFUNDED

    @pytest.mark.parametrize("state", CONFIRMED)
    def test_charge_of_a_confirmed_order_is_resolved_and_kept(
        self, admin, store, provider, unresolved_charges, state
    ):
        command = take_command()
        take(command, store, provider)

        done = [
            self.reconcile(command.order_id, state, store, provider, unresolved_charges)
            for _ in range(2)
        ]

        assert done == ["RESOLVED", "UNCHANGED"]
        assert provider.collected(command.order_id) == command.total.amount
        assert unresolved_orders(admin) == []
        # A withdrawal later on is a saga's work.
        assert refund(refund_command(command.order_id), store, provider).state is State.REFUNDED

    @pytest.mark.parametrize("state", CONFIRMED)
    def test_pending_charge_of_a_confirmed_order_stays_unresolved(
        self, admin, store, provider, unresolved_charges, state
    ):
        charge = store.find_or_create(pending_charge(take_command()))
        done = self.reconcile(charge.order_id, state, store, provider, unresolved_charges)
        assert (done, unresolved_orders(admin)) == ("UNCHANGED", [charge.order_id])

    @pytest.mark.parametrize("state", IN_PROGRESS)
    def test_charge_of_an_order_in_progress_is_unchanged_and_queried_again(
        self, admin, provider, unresolved_charges, events, state
    ):
        command = take_command()
        take(command, ledger_of(admin), provider)
        make_stale(admin)
        unresolved_charges.query_stale(stale_after=STALE_AFTER)

        done = self.reconcile(
            command.order_id, state, ledger_of(admin), provider, unresolved_charges
        )

        assert (done, unresolved_orders(admin)) == ("UNCHANGED", [command.order_id])
        assert provider.calls == ["charge"]
        assert unresolved_charges.query_stale(stale_after=STALE_AFTER) == QueryOutcome(
            queried=0, rejected=0
        )
        make_stale(admin)
        assert unresolved_charges.query_stale(stale_after=STALE_AFTER) == QueryOutcome(
            queried=1, rejected=0
        )
        assert queries_sent(events) == [(command.order_id, 1), (command.order_id, 2)]

    @pytest.mark.parametrize("state", [*UNDONE, *CONFIRMED, *IN_PROGRESS])
    def test_closed_charge_is_unchanged_by_any_report(
        self, admin, store, provider, unresolved_charges, events, state
    ):
        declined, refunded, never = (take_command() for _ in range(3))
        take(declined, store, CardProvider(declines=True))
        take(refunded, store, provider)
        refund(refund_command(refunded.order_id), store, provider)
        calls, published = list(provider.calls), len(events.taken)

        for command in (declined, refunded, never):
            self.reconcile(command.order_id, state, store, provider, unresolved_charges)

        assert (provider.calls, len(events.taken)) == (calls, published)
        assert unresolved_orders(admin) == []

    @pytest.mark.parametrize("after", [False, True])
    @pytest.mark.parametrize("at", range(1, 8))
    def test_crashes_of_charge_and_reconciliation_leave_no_money(
        self, admin, store, unresolved_charges, at, after
    ):
        provider, command = CardProvider(), take_command()
        first, then = Crashing(at=at, after=after), Crashing(at=8 - at, after=after)
        try:
            take(command, first.guard(store), first.guard(provider))
        except Crash:
            assert first.crashed
        order = OrderStatusReported(order_id=command.order_id, state="REJECTED")
        try:
            reconcile(
                order,
                charges=then.guard(store),
                provider=then.guard(provider),
                unresolved_charges=unresolved_charges,
            )
        except Crash:
            make_stale(admin)
            left = unresolved_charges.find_stale(stale_after=STALE_AFTER)
            # If it died before it recorded the refund, the order is queried again.
            row = store.find_or_create(tombstone(command.order_id))
            assert left == ([] if row.state is State.REFUNDED else [command.order_id])
        reconcile(order, charges=store, provider=provider, unresolved_charges=unresolved_charges)

        assert provider.collected(command.order_id) == 0
        assert balances(admin, command.order_id) == {}
        assert unresolved_orders(admin) == []
        assert take(command, store, provider).state is State.REFUNDED


def test_charge_refunded_while_it_is_resolved_stays_refunded(admin, store, provider):
    """The refund commits between the read of the charge and the commit of its resolution."""
    command = take_command()
    take(command, store, provider)
    done: list[Charge] = []

    def watch(connection: Any, sql: str) -> None:
        if "DELETE FROM payments.unresolved_charges" in sql and not done:
            connection.run("BEGIN")
            connection.run("SELECT 1")
            done.append(refund(refund_command(command.order_id), store, provider))

    database = Database(lambda: Watched(connect(), watch), retry=NO_WAIT)
    resolved = UnresolvedCharges(database, Bus("Orders", eventbridge=FakeEvents())).resolve(
        command.order_id
    )
    database.close()

    assert not resolved
    assert unresolved_orders(admin) == []
    assert provider.collected(command.order_id) == 0

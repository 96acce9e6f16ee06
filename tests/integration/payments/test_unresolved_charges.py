"""Whatever became of an order, and whenever that is heard: what is to stay stays, the rest goes."""

import json
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lambdas.contracts.codec import ContractError
from lambdas.contracts.event import event_id, parse_detail
from lambdas.contracts.orders import OrderStatusReported
from lambdas.contracts.payments import SOURCE, ChargeUnresolved
from lambdas.payments import query_stale_charges
from lambdas.payments import unresolved_charges as module
from lambdas.payments.charging import reconcile, refund, take
from lambdas.payments.database import RETRY, Database, connect
from lambdas.payments.domain import Charge, State, pending_charge, tombstone
from lambdas.payments.outbox import Outbox
from lambdas.payments.unresolved_charges import UnresolvedCharges
from lambdas.runtime.bus import Bus
from lambdas.runtime.settings import SettingMissing
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
    refund_command,
    take_command,
)

STALE_AFTER = timedelta(hours=1)
OVER, STANDS = ("REJECTED", "CANCELLED"), ("CONFIRMED", "DISPATCHED")
MAX_IN_FLIGHT = ("PLACED", "WITHDRAWN", "SOME_LATER_STATE")

NO_WAIT = replace(RETRY, sleep=lambda _: None)


@pytest.fixture(autouse=True)
def empty(admin):
    admin.run("DELETE FROM payments.unresolved_charges")
    admin.run("DELETE FROM payments.outbox")


@pytest.fixture
def unresolved_charges(admin, events) -> UnresolvedCharges:
    return UnresolvedCharges(admin, Bus("Orders", eventbridge=events))


def make_stale(admin: Database, *orders: str) -> None:
    """Let so much time pass that these, the first longest, or else all, are to be asked about."""
    admin.run(
        "UPDATE payments.unresolved_charges SET last_activity_at = now() - interval '61 minutes'"
    )
    for n, order_id in enumerate(orders):
        admin.run(
            "UPDATE payments.unresolved_charges"
            " SET last_activity_at = last_activity_at - make_interval(secs => :s)"
            " WHERE order_id = :id",
            id=order_id,
            s=len(orders) - n,
        )


def begin_stale_charges(admin: Database, store: Any, number: int) -> list[str]:
    """Charges of which nobody heard anything for long; their orders, the longest quiet first."""
    orders = [store.find_or_create(pending_charge(take_command())).order_id for _ in range(number)]
    make_stale(admin, *orders)
    return orders


def unresolved_orders(admin: Database) -> list[str]:
    return [
        order
        for (order,) in admin.run("SELECT order_id FROM payments.unresolved_charges ORDER BY 1")
    ]


def queries_sent(events: FakeEvents) -> list[tuple[str, int]]:
    envelopes = [
        parse_detail(ChargeUnresolved, json.loads(entry["Detail"])) for entry in events.taken
    ]
    return [(envelope.data.order_id, envelope.metadata.sequence) for envelope in envelopes]


class TestBookkeeping:
    def test_a_charge_is_noted_from_its_beginning_to_its_end(self, admin, store, provider):
        command = take_command()
        store.find_or_create(pending_charge(command))
        assert unresolved_orders(admin) == [command.order_id]
        take(command, store, provider)
        assert unresolved_orders(admin) == [command.order_id]
        refund(refund_command(command.order_id), store, provider)
        assert unresolved_orders(admin) == []

    def test_what_is_declined_or_never_began_is_not(self, admin, store):
        take(take_command(), store, CardProvider(declines=True))
        store.find_or_create(tombstone(take_command().order_id))
        assert unresolved_orders(admin) == []

    def test_beginning_again_does_not_make_it_younger(self, admin, store, unresolved_charges):
        command = take_command()
        store.find_or_create(pending_charge(command))
        make_stale(admin)
        store.find_or_create(pending_charge(command))
        assert unresolved_charges.find_stale(stale_after=STALE_AFTER) == [command.order_id]

    def test_there_is_no_charge_that_is_not_noted(self, admin, store):
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


class TestFollowing:
    def reconcile(self, order_id, state, store, provider, unresolved_charges) -> str:
        order = OrderStatusReported(order_id=order_id, state=state)
        return reconcile(
            order, charges=store, provider=provider, unresolved_charges=unresolved_charges
        )

    @pytest.mark.parametrize("state", OVER)
    @pytest.mark.parametrize("progress", ["pending", "charged", "taken"])
    def test_what_an_order_that_is_over_left_is_given_back_once(
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

    @pytest.mark.parametrize("state", STANDS)
    def test_what_stands_is_kept_and_not_asked_about_any_more(
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

    @pytest.mark.parametrize("state", STANDS)
    def test_what_was_never_taken_cannot_be_settled(
        self, admin, store, provider, unresolved_charges, state
    ):
        charge = store.find_or_create(pending_charge(take_command()))
        done = self.reconcile(charge.order_id, state, store, provider, unresolved_charges)
        assert (done, unresolved_orders(admin)) == ("UNCHANGED", [charge.order_id])

    @pytest.mark.parametrize("state", MAX_IN_FLIGHT)
    def test_what_is_under_way_is_left_alone_and_asked_about_again(
        self, admin, store, provider, unresolved_charges, events, state
    ):
        (order,) = begin_stale_charges(admin, store, 1)
        unresolved_charges.query_stale(stale_after=STALE_AFTER)

        assert self.reconcile(order, state, store, provider, unresolved_charges) == "UNCHANGED"

        assert provider.calls == []
        assert unresolved_charges.query_stale(stale_after=STALE_AFTER) == QueryOutcome(
            queried=0, rejected=0
        )
        make_stale(admin)
        assert unresolved_charges.query_stale(stale_after=STALE_AFTER) == QueryOutcome(
            queried=1, rejected=0
        )
        assert queries_sent(events) == [(order, 1), (order, 2)]

    @pytest.mark.parametrize("state", [*OVER, *STANDS, *MAX_IN_FLIGHT])
    def test_where_no_money_is_none_moves(
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
    def test_wherever_taking_dies_and_whenever_following_dies_money_nets_to_zero(
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
            # What died before it recorded the end is asked about again.
            row = store.find_or_create(tombstone(command.order_id))
            assert left == ([] if row.state is State.REFUNDED else [command.order_id])
        reconcile(order, charges=store, provider=provider, unresolved_charges=unresolved_charges)

        assert provider.collected(command.order_id) == 0
        assert balances(admin, command.order_id) == {}
        assert unresolved_orders(admin) == []
        assert take(command, store, provider).state is State.REFUNDED


class TestAsking:
    def test_only_what_is_quiet_is_asked_about_the_longest_first(
        self, admin, store, unresolved_charges, events
    ):
        orders = begin_stale_charges(admin, store, 3)
        store.find_or_create(pending_charge(take_command()))

        assert unresolved_charges.query_stale(stale_after=STALE_AFTER) == QueryOutcome(
            queried=3, rejected=0
        )

        assert sorted(queries_sent(events)) == sorted((order, 1) for order in orders)
        assert unresolved_charges.query_stale(stale_after=STALE_AFTER) == QueryOutcome(
            queried=0, rejected=0
        )

    def test_a_question_is_an_event_about_a_subject_of_its_own(
        self, admin, store, unresolved_charges, events
    ):
        (order,) = begin_stale_charges(admin, store, 1)
        unresolved_charges.query_stale(stale_after=STALE_AFTER)

        (entry,) = events.taken
        published = parse_detail(ChargeUnresolved, json.loads(entry["Detail"])).metadata
        assert (published.subject, published.sequence) == (f"charge:{order}", 1)
        assert published.event_id == event_id(SOURCE, f"charge:{order}", 1)
        assert published.correlation_id == order

    def test_a_run_asks_page_by_page(self, admin, store, unresolved_charges, events, monkeypatch):
        monkeypatch.setattr(module, "PAGE", 2)
        orders = begin_stale_charges(admin, store, 5)

        assert unresolved_charges.query_stale(stale_after=STALE_AFTER) == QueryOutcome(
            queried=5, rejected=0
        )

        pages = [{order for order, _ in queries_sent(events)[i : i + 2]} for i in (0, 2, 4)]
        assert pages == [set(orders[:2]), set(orders[2:4]), set(orders[4:])]

    def test_it_is_bounded_and_the_next_run_goes_on_behind_it(
        self, admin, store, unresolved_charges, monkeypatch
    ):
        monkeypatch.setattr(module, "PAGE", 2)
        monkeypatch.setattr(module, "PAGES", 2)
        orders = begin_stale_charges(admin, store, 5)

        assert unresolved_charges.find_stale(stale_after=STALE_AFTER) == orders[:4]
        assert unresolved_charges.query_stale(stale_after=STALE_AFTER) == QueryOutcome(
            queried=4, rejected=0
        )
        assert unresolved_charges.find_stale(stale_after=STALE_AFTER) == orders[4:]

    def test_runs_at_the_same_time_ask_once(self, admin, store, monkeypatch, settings):
        monkeypatch.setattr(module, "PAGE", 2)
        orders = begin_stale_charges(admin, store, 9)
        events, start, done = FakeEvents(), threading.Barrier(3), []

        def run() -> None:
            database = Database(connect)
            start.wait()
            done.append(
                UnresolvedCharges(database, Bus("Orders", eventbridge=events)).query_stale(
                    stale_after=STALE_AFTER
                )
            )
            database.close()

        threads = [threading.Thread(target=run) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

        assert sorted(queries_sent(events)) == sorted((order, 1) for order in orders)
        assert sum(each.queried for each in done) == 9

    def test_of_two_runs_that_claim_the_same_the_later_finds_others(
        self, admin, store, unresolved_charges, events, monkeypatch
    ):
        monkeypatch.setattr(module, "PAGE", 2)
        monkeypatch.setattr(module, "PAGES", 1)
        orders = begin_stale_charges(admin, store, 4)
        conflicts: list[str] = []

        def watch(connection: Any, sql: str) -> None:
            if "UPDATE payments.unresolved_charges" in sql and not conflicts:
                conflicts.append(sql)
                connection.run("BEGIN")
                connection.run("SELECT 1")  # from here on our transaction sees the past
                unresolved_charges.query_stale(stale_after=STALE_AFTER)

        database = Database(
            lambda: Watched(connect(), watch), retry=replace(RETRY, sleep=lambda _: None)
        )
        later = FakeEvents()
        UnresolvedCharges(database, Bus("Orders", eventbridge=later)).query_stale(
            stale_after=STALE_AFTER
        )
        database.close()

        assert {order for order, _ in queries_sent(events)} == set(orders[:2])
        assert {order for order, _ in queries_sent(later)} == set(orders[2:])

    def test_a_run_that_dies_between_claim_and_bus_is_made_good(
        self, admin, store, unresolved_charges, events
    ):
        orders = begin_stale_charges(admin, store, 2)
        gone = UnresolvedCharges(admin, Bus("Orders", eventbridge=FakeEvents(broken=True)))

        with pytest.raises(ConnectionError):
            gone.query_stale(stale_after=STALE_AFTER)

        assert unresolved_charges.query_stale(stale_after=STALE_AFTER) == QueryOutcome(
            queried=0, rejected=0
        )
        make_stale(admin)
        unresolved_charges.query_stale(stale_after=STALE_AFTER)
        assert sorted(queries_sent(events)) == sorted((order, 2) for order in orders)

    def test_a_run_that_dies_before_its_claim_has_done_nothing(
        self, admin, store, unresolved_charges
    ):
        orders = begin_stale_charges(admin, store, 2)

        def watch(connection: Any, sql: str) -> None:
            raise Crash

        database = Database(lambda: Watched(connect(), watch))
        with pytest.raises(Crash):
            UnresolvedCharges(database, Bus("Orders", eventbridge=FakeEvents())).query_stale(
                stale_after=STALE_AFTER
            )

        assert unresolved_charges.find_stale(stale_after=STALE_AFTER) == orders

    def test_what_the_bus_does_not_take_is_reported_and_ends_the_run(
        self, admin, store, events, monkeypatch
    ):
        monkeypatch.setattr(module, "PAGE", 2)
        orders = begin_stale_charges(admin, store, 4)
        refusing = FakeEvents(refused={f"charge:{orders[0]}"})

        unresolved_charges = UnresolvedCharges(admin, Bus("Orders", eventbridge=refusing))

        assert unresolved_charges.query_stale(stale_after=STALE_AFTER) == QueryOutcome(
            queried=1, rejected=1
        )
        assert queries_sent(refusing) == [(orders[1], 1)]
        assert unresolved_charges.find_stale(stale_after=STALE_AFTER) == orders[2:]


class TestFunctions:
    @pytest.fixture(autouse=True)
    def wired(self, monkeypatch, unresolved_charges):
        monkeypatch.setenv("STALE_AFTER_SECONDS", "3600")
        monkeypatch.setattr(query_stale_charges, "unresolved_charges", lambda: unresolved_charges)

    @pytest.fixture
    def reconcile_charge(self, load, store, provider, unresolved_charges):
        function = load("reconcile_charge")
        function.charges, function.provider = store, provider
        function.unresolved = unresolved_charges
        return function

    @pytest.fixture
    def publish_outbox(self, load, admin, events):
        function = load("publish_outbox")
        function.outbox = Outbox(admin, Bus("Orders", eventbridge=events))
        return function

    def event(self, name: str, source: str, **data: Any) -> dict[str, Any]:
        metadata = {
            "event_id": "e", "subject": "s", "sequence": 1, "correlation_id": "c",
            "causation_id": "c", "occurred_at": "2026-12-01T09:00:00Z", "schema_version": 1,
        }  # fmt: skip
        detail = {"metadata": metadata, "data": data}
        return {"source": source, "detail-type": name, "detail": detail}

    def test_a_run_says_what_it_did(self, admin, store, capsys):
        begin_stale_charges(admin, store, 2)
        event = {"source": "aws.scheduler", "detail": "{}"}
        assert query_stale_charges.handler(event, None) == {"queried": 2, "rejected": 0}
        assert json.loads(capsys.readouterr().out) == {
            "message": "stale_charges_queried",
            "queried": 2,
            "rejected": 0,
        }

    def test_a_dry_run_says_what_would_be_asked_and_changes_nothing(self, admin, store, events):
        orders = begin_stale_charges(admin, store, 2)
        before = admin.run("SELECT * FROM payments.unresolved_charges ORDER BY 1")
        for _ in range(2):
            assert query_stale_charges.handler({"dry_run": True}, None) == {"would_query": orders}
        assert admin.run("SELECT * FROM payments.unresolved_charges ORDER BY 1") == before
        assert events.requests == []

    def test_invalid_dry_run_flag_is_a_contract_error_and_has_no_effect(
        self, publish_outbox, admin, store, events
    ):
        begin_stale_charges(admin, store, 1)
        for handler in (query_stale_charges.handler, publish_outbox.handler):
            with pytest.raises(ContractError, match="dry_run must be a boolean"):
                handler({"dry_run": "true"}, None)
        assert events.requests == []

    def test_patience_has_to_be_set(self, monkeypatch):
        monkeypatch.delenv("STALE_AFTER_SECONDS")
        with pytest.raises(SettingMissing, match="STALE_AFTER_SECONDS"):
            query_stale_charges.handler({}, None)

    def test_order_event_and_status_report_reconcile_a_charge(
        self, reconcile_charge, store, provider
    ):
        kept, undone = take_command(), take_command()
        for command in (kept, undone):
            take(command, store, provider)
        total = {"amount": 1, "currency": "GBP"}
        confirmed = self.event(
            "OrderConfirmed", "com.aws.orders", order_id=kept.order_id, customer_id="c-1",
            lines=[], total=total, country="France",
        )  # fmt: skip
        looked_up = self.event(
            "OrderStatusReported", "com.aws.orders", order_id=undone.order_id, state="REJECTED"
        )

        assert reconcile_charge.handler(confirmed, None) == {
            "order_id": kept.order_id,
            "order": "CONFIRMED",
            "outcome": "RESOLVED",
        }
        assert reconcile_charge.handler(looked_up, None)["outcome"] == "REFUNDED"
        with pytest.raises(ContractError, match="OrderRejected is none of OrderConfirmed"):
            reconcile_charge.handler(self.event("OrderRejected", "com.aws.orders"), None)

    def test_dry_run_of_publish_outbox_publishes_nothing(
        self, publish_outbox, admin, provider, events
    ):
        command = take_command()
        take(command, ledger_of(admin, FakeEvents(broken=True)), provider)
        assert publish_outbox.handler({"dry_run": True}, None) == {"would_publish": []}
        admin.run("UPDATE payments.outbox SET recorded_at = now() - interval '1 minute'")

        published = {"would_publish": [event_id(SOURCE, command.order_id, 1)]}
        assert publish_outbox.handler({"dry_run": True}, None) == published
        assert events.requests == []
        assert publish_outbox.handler({}, None) == {"published": 1, "rejected": 0}


def test_settling_a_charge_that_is_refunded_meanwhile_loses_nothing(admin, store, provider):
    """The refund commits between our look at the charge and our commit."""
    command = take_command()
    take(command, store, provider)
    done: list[Charge] = []

    def watch(connection: Any, sql: str) -> None:
        if "DELETE FROM payments.unresolved_charges" in sql and not done:
            connection.run("BEGIN")
            connection.run("SELECT 1")
            done.append(refund(refund_command(command.order_id), store, provider))

    database = Database(
        lambda: Watched(connect(), watch), retry=replace(RETRY, sleep=lambda _: None)
    )
    resolved = UnresolvedCharges(database, Bus("Orders", eventbridge=FakeEvents())).resolve(
        command.order_id
    )
    database.close()

    assert not resolved
    assert unresolved_orders(admin) == []
    assert provider.collected(command.order_id) == 0

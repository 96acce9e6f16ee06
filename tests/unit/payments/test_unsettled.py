"""Whatever became of an order, and whenever that is heard: what is to stay stays, the rest goes."""

import json
import threading
from datetime import timedelta
from typing import Any

import pytest

from lambdas.contracts.codec import ContractError
from lambdas.contracts.event import event_id, parse_detail
from lambdas.contracts.orders import OrderStatusReported
from lambdas.contracts.payments import SOURCE, ChargeUnresolved
from lambdas.payments import ask_about_charges, publish_outbox, settle_charge
from lambdas.payments import unsettled as module
from lambdas.payments.database import Database, connect
from lambdas.payments.domain import Charge, State, pending, tombstone
from lambdas.payments.outbox import Outbox
from lambdas.payments.settlement import follow, refund, take
from lambdas.payments.unsettled import Asked, Unsettled
from lambdas.runtime.bus import Bus
from lambdas.runtime.settings import SettingMissing
from tests.unit.runtime.fakes import FakeEvents

from .fakes import (
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

PATIENCE = timedelta(hours=1)
OVER, STANDS = ("REJECTED", "CANCELLED"), ("CONFIRMED", "DISPATCHED")
UNDER_WAY = ("PLACED", "WITHDRAWN", "SOME_LATER_STATE")


@pytest.fixture(autouse=True)
def empty(admin):
    admin.run("DELETE FROM payments.unsettled")
    admin.run("DELETE FROM payments.outbox")


@pytest.fixture
def unsettled(admin, events) -> Unsettled:
    return Unsettled(admin, Bus("Orders", eventbridge=events))


def quiet(admin: Database, *orders: str) -> None:
    """Let so much time pass that these, the first longest, or else all, are to be asked about."""
    admin.run("UPDATE payments.unsettled SET quiet_since = now() - interval '61 minutes'")
    for n, order_id in enumerate(orders):
        admin.run(
            "UPDATE payments.unsettled SET quiet_since = quiet_since - make_interval(secs => :s)"
            " WHERE order_id = :id",
            id=order_id,
            s=len(orders) - n,
        )


def leave(admin: Database, store: Any, number: int) -> list[str]:
    """Charges of which nobody heard anything for long; their orders, the longest quiet first."""
    orders = [store.begin(pending(take_command())).order_id for _ in range(number)]
    quiet(admin, *orders)
    return orders


def noted(admin: Database) -> list[str]:
    return [order for (order,) in admin.run("SELECT order_id FROM payments.unsettled ORDER BY 1")]


def asked_about(events: FakeEvents) -> list[tuple[str, int]]:
    facts = [parse_detail(ChargeUnresolved, json.loads(entry["Detail"])) for entry in events.taken]
    return [(fact.data.order_id, fact.metadata.sequence) for fact in facts]


class TestBookkeeping:
    def test_a_charge_is_noted_from_its_beginning_to_its_end(self, admin, store, provider):
        command = take_command()
        store.begin(pending(command))
        assert noted(admin) == [command.order_id]
        take(command, store, provider)
        assert noted(admin) == [command.order_id]
        refund(refund_command(command.order_id), store, provider)
        assert noted(admin) == []

    def test_what_is_declined_or_never_began_is_not(self, admin, store):
        take(take_command(), store, CardProvider(declines=True))
        store.begin(tombstone(take_command().order_id))
        assert noted(admin) == []

    def test_beginning_again_does_not_make_it_younger(self, admin, store, unsettled):
        command = take_command()
        store.begin(pending(command))
        quiet(admin)
        store.begin(pending(command))
        assert unsettled.would_ask(patience=PATIENCE) == [command.order_id]

    def test_there_is_no_charge_that_is_not_noted(self, admin, store):
        """A crash between the two writes leaves neither."""
        charge = pending(take_command())

        def watch(connection: Any, sql: str) -> None:
            if "payments.unsettled" in sql:
                raise Crash

        database = Database(lambda: Watched(connect(), watch))
        with pytest.raises(Crash):
            ledger_of(database).begin(charge)
        found = "SELECT 1 FROM payments.charges WHERE order_id = :id"
        assert admin.run(found, id=charge.order_id) == []


class TestFollowing:
    def follow(self, order_id, state, store, provider, unsettled) -> str:
        order = OrderStatusReported(order_id=order_id, state=state)
        return follow(order, charges=store, provider=provider, unsettled=unsettled)

    @pytest.mark.parametrize("state", OVER)
    @pytest.mark.parametrize("held", ["pending", "charged", "taken"])
    def test_what_an_order_that_is_over_left_is_given_back_once(
        self, admin, store, provider, unsettled, events, held, state
    ):
        command = take_command()
        store.begin(pending(command))
        if held != "pending":
            provider.charge(command.order_id, command.customer_id, command.total)
        if held == "taken":
            take(command, store, provider)
        quiet(admin)
        assert unsettled.ask(patience=PATIENCE) == Asked(asked=1, rejected=0)

        for _ in range(3):
            done = self.follow(command.order_id, state, store, provider, unsettled)
            assert done == "REFUNDED"

        assert provider.held(command.order_id) == 0
        assert balances(admin, command.order_id) == {}
        assert len(entries(admin, command.order_id)) == (2 if held == "taken" else 0)
        assert noted(admin) == []
        assert take(command, store, provider).state is State.REFUNDED

    @pytest.mark.parametrize("state", STANDS)
    def test_what_stands_is_kept_and_not_asked_about_any_more(
        self, admin, store, provider, unsettled, state
    ):
        command = take_command()
        take(command, store, provider)

        done = [self.follow(command.order_id, state, store, provider, unsettled) for _ in range(2)]

        assert done == ["SETTLED", "NOTHING"]
        assert provider.held(command.order_id) == command.total.amount
        assert noted(admin) == []
        # A withdrawal later on is a saga's work.
        assert refund(refund_command(command.order_id), store, provider).state is State.REFUNDED

    @pytest.mark.parametrize("state", STANDS)
    def test_what_was_never_taken_cannot_be_settled(self, admin, store, provider, unsettled, state):
        charge = store.begin(pending(take_command()))
        done = self.follow(charge.order_id, state, store, provider, unsettled)
        assert (done, noted(admin)) == ("NOTHING", [charge.order_id])

    @pytest.mark.parametrize("state", UNDER_WAY)
    def test_what_is_under_way_is_left_alone_and_asked_about_again(
        self, admin, store, provider, unsettled, events, state
    ):
        (order,) = leave(admin, store, 1)
        unsettled.ask(patience=PATIENCE)

        assert self.follow(order, state, store, provider, unsettled) == "NOTHING"

        assert provider.calls == []
        assert unsettled.ask(patience=PATIENCE) == Asked(asked=0, rejected=0)
        quiet(admin)
        assert unsettled.ask(patience=PATIENCE) == Asked(asked=1, rejected=0)
        assert asked_about(events) == [(order, 1), (order, 2)]

    @pytest.mark.parametrize("state", [*OVER, *STANDS, *UNDER_WAY])
    def test_where_no_money_is_none_moves(self, admin, store, provider, unsettled, events, state):
        declined, refunded, never = (take_command() for _ in range(3))
        take(declined, store, CardProvider(declines=True))
        take(refunded, store, provider)
        refund(refund_command(refunded.order_id), store, provider)
        calls, told = list(provider.calls), len(events.taken)

        for command in (declined, refunded, never):
            self.follow(command.order_id, state, store, provider, unsettled)

        assert (provider.calls, len(events.taken)) == (calls, told)
        assert noted(admin) == []

    @pytest.mark.parametrize("after", [False, True])
    @pytest.mark.parametrize("at", range(1, 8))
    def test_wherever_taking_dies_and_whenever_following_dies_money_nets_to_zero(
        self, admin, store, unsettled, at, after
    ):
        provider, command = CardProvider(), take_command()
        first, then = Crashing(at=at, after=after), Crashing(at=8 - at, after=after)
        try:
            take(command, first.guard(store), first.guard(provider))
        except Crash:
            assert first.crashed
        order = OrderStatusReported(order_id=command.order_id, state="REJECTED")
        try:
            follow(
                order,
                charges=then.guard(store),
                provider=then.guard(provider),
                unsettled=unsettled,
            )
        except Crash:
            quiet(admin)
            left = unsettled.would_ask(patience=PATIENCE)
            # What died before it recorded the end is asked about again.
            row = store.begin(tombstone(command.order_id))
            assert left == ([] if row.state is State.REFUNDED else [command.order_id])
        follow(order, charges=store, provider=provider, unsettled=unsettled)

        assert provider.held(command.order_id) == 0
        assert balances(admin, command.order_id) == {}
        assert noted(admin) == []
        assert take(command, store, provider).state is State.REFUNDED


class TestAsking:
    def test_only_what_is_quiet_is_asked_about_the_longest_first(
        self, admin, store, unsettled, events
    ):
        orders = leave(admin, store, 3)
        store.begin(pending(take_command()))

        assert unsettled.ask(patience=PATIENCE) == Asked(asked=3, rejected=0)

        assert sorted(asked_about(events)) == sorted((order, 1) for order in orders)
        assert unsettled.ask(patience=PATIENCE) == Asked(asked=0, rejected=0)

    def test_a_question_is_an_event_about_a_subject_of_its_own(
        self, admin, store, unsettled, events
    ):
        (order,) = leave(admin, store, 1)
        unsettled.ask(patience=PATIENCE)

        (entry,) = events.taken
        told = parse_detail(ChargeUnresolved, json.loads(entry["Detail"])).metadata
        assert (told.subject, told.sequence) == (f"charge:{order}", 1)
        assert told.event_id == event_id(SOURCE, f"charge:{order}", 1)
        assert told.correlation_id == order

    def test_a_run_asks_page_by_page(self, admin, store, unsettled, events, monkeypatch):
        monkeypatch.setattr(module, "PAGE", 2)
        orders = leave(admin, store, 5)

        assert unsettled.ask(patience=PATIENCE) == Asked(asked=5, rejected=0)

        pages = [{order for order, _ in asked_about(events)[i : i + 2]} for i in (0, 2, 4)]
        assert pages == [set(orders[:2]), set(orders[2:4]), set(orders[4:])]

    def test_it_is_bounded_and_the_next_run_goes_on_behind_it(
        self, admin, store, unsettled, monkeypatch
    ):
        monkeypatch.setattr(module, "PAGE", 2)
        monkeypatch.setattr(module, "PAGES", 2)
        orders = leave(admin, store, 5)

        assert unsettled.would_ask(patience=PATIENCE) == orders[:4]
        assert unsettled.ask(patience=PATIENCE) == Asked(asked=4, rejected=0)
        assert unsettled.would_ask(patience=PATIENCE) == orders[4:]

    def test_runs_at_the_same_time_ask_once(self, admin, store, monkeypatch, settings):
        monkeypatch.setattr(module, "PAGE", 2)
        orders = leave(admin, store, 9)
        events, start, done = FakeEvents(), threading.Barrier(3), []

        def run() -> None:
            database = Database(connect)
            start.wait()
            done.append(Unsettled(database, Bus("Orders", eventbridge=events)).ask(patience=PATIENCE))
            database.close()

        threads = [threading.Thread(target=run) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

        assert sorted(asked_about(events)) == sorted((order, 1) for order in orders)
        assert sum(each.asked for each in done) == 9

    def test_of_two_runs_that_claim_the_same_the_later_finds_others(
        self, admin, store, unsettled, events, monkeypatch
    ):
        monkeypatch.setattr(module, "PAGE", 2)
        monkeypatch.setattr(module, "PAGES", 1)
        orders = leave(admin, store, 4)
        conflicts: list[str] = []

        def watch(connection: Any, sql: str) -> None:
            if "UPDATE payments.unsettled" in sql and not conflicts:
                conflicts.append(sql)
                connection.run("BEGIN")
                connection.run("SELECT 1")  # from here on our transaction sees the past
                unsettled.ask(patience=PATIENCE)

        database = Database(lambda: Watched(connect(), watch), sleep=lambda _: None)
        later = FakeEvents()
        Unsettled(database, Bus("Orders", eventbridge=later)).ask(patience=PATIENCE)
        database.close()

        assert {order for order, _ in asked_about(events)} == set(orders[:2])
        assert {order for order, _ in asked_about(later)} == set(orders[2:])

    def test_a_run_that_dies_between_claim_and_bus_is_made_good(
        self, admin, store, unsettled, events
    ):
        orders = leave(admin, store, 2)
        gone = Unsettled(admin, Bus("Orders", eventbridge=FakeEvents(broken=True)))

        with pytest.raises(ConnectionError):
            gone.ask(patience=PATIENCE)

        assert unsettled.ask(patience=PATIENCE) == Asked(asked=0, rejected=0)
        quiet(admin)
        unsettled.ask(patience=PATIENCE)
        assert sorted(asked_about(events)) == sorted((order, 2) for order in orders)

    def test_a_run_that_dies_before_its_claim_has_done_nothing(self, admin, store, unsettled):
        orders = leave(admin, store, 2)

        def watch(connection: Any, sql: str) -> None:
            raise Crash

        database = Database(lambda: Watched(connect(), watch))
        with pytest.raises(Crash):
            Unsettled(database, Bus("Orders", eventbridge=FakeEvents())).ask(patience=PATIENCE)

        assert unsettled.would_ask(patience=PATIENCE) == orders

    def test_what_the_bus_does_not_take_is_reported_and_ends_the_run(
        self, admin, store, events, monkeypatch
    ):
        monkeypatch.setattr(module, "PAGE", 2)
        orders = leave(admin, store, 4)
        refusing = FakeEvents(refused={f"charge:{orders[0]}"})

        unsettled = Unsettled(admin, Bus("Orders", eventbridge=refusing))

        assert unsettled.ask(patience=PATIENCE) == Asked(asked=1, rejected=1)
        assert asked_about(refusing) == [(orders[1], 1)]
        assert unsettled.would_ask(patience=PATIENCE) == orders[2:]


class TestFunctions:
    @pytest.fixture(autouse=True)
    def wired(self, monkeypatch, store, provider, unsettled):
        monkeypatch.setenv("PATIENCE_SECONDS", "3600")
        monkeypatch.setattr(settle_charge, "store", lambda: store)
        monkeypatch.setattr(settle_charge, "provider", lambda: provider)
        for function in (settle_charge, ask_about_charges):
            monkeypatch.setattr(function, "unsettled", lambda: unsettled)

    def event(self, name: str, source: str, **data: Any) -> dict[str, Any]:
        metadata = {
            "event_id": "e", "subject": "s", "sequence": 1, "correlation_id": "c",
            "causation_id": "c", "occurred_at": "2026-12-01T09:00:00Z", "schema_version": 1,
        }  # fmt: skip
        detail = {"metadata": metadata, "data": data}
        return {"source": source, "detail-type": name, "detail": detail}

    def test_a_run_says_what_it_did(self, admin, store, capsys):
        leave(admin, store, 2)
        event = {"source": "aws.scheduler", "detail": "{}"}
        assert ask_about_charges.handler(event, None) == {"asked": 2, "rejected": 0}
        assert json.loads(capsys.readouterr().out) == {
            "message": "charges asked about",
            "asked": 2,
            "rejected": 0,
        }

    def test_a_dry_run_says_what_would_be_asked_and_changes_nothing(self, admin, store, events):
        orders = leave(admin, store, 2)
        before = admin.run("SELECT * FROM payments.unsettled ORDER BY 1")
        for _ in range(2):
            assert ask_about_charges.handler({"dry_run": True}, None) == {"would_ask": orders}
        assert admin.run("SELECT * FROM payments.unsettled ORDER BY 1") == before
        assert events.requests == []

    def test_a_dry_run_that_is_asked_for_wrongly_is_no_real_one(self, admin, store, events):
        leave(admin, store, 1)
        for handler in (ask_about_charges.handler, publish_outbox.handler):
            with pytest.raises(ContractError, match="dry_run must be a boolean"):
                handler({"dry_run": "true"}, None)
        assert events.requests == []

    def test_patience_has_to_be_set(self, monkeypatch):
        monkeypatch.delenv("PATIENCE_SECONDS")
        with pytest.raises(SettingMissing, match="PATIENCE_SECONDS"):
            ask_about_charges.handler({}, None)

    def test_it_hears_of_an_order_in_two_ways(self, store, provider):
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

        assert settle_charge.handler(confirmed, None) == {
            "order_id": kept.order_id,
            "order": "CONFIRMED",
            "done": "SETTLED",
        }
        assert settle_charge.handler(looked_up, None)["done"] == "REFUNDED"
        with pytest.raises(ContractError, match="OrderRejected is none of OrderConfirmed"):
            settle_charge.handler(self.event("OrderRejected", "com.aws.orders"), None)

    def test_a_dry_sweep_of_the_outbox_tells_nothing(self, admin, provider, events, monkeypatch):
        outbox = Outbox(admin, Bus("Orders", eventbridge=events))
        monkeypatch.setattr(publish_outbox, "outbox", lambda: outbox)
        command = take_command()
        take(command, ledger_of(admin, FakeEvents(broken=True)), provider)
        assert publish_outbox.handler({"dry_run": True}, None) == {"would_tell": []}
        admin.run("UPDATE payments.outbox SET recorded_at = now() - interval '1 minute'")

        told = {"would_tell": [event_id(SOURCE, command.order_id, 1)]}
        assert publish_outbox.handler({"dry_run": True}, None) == told
        assert events.requests == []
        assert publish_outbox.handler({}, None) == {"told": 1, "rejected": 0}


def test_settling_a_charge_that_is_refunded_meanwhile_loses_nothing(admin, store, provider):
    """The refund commits between our look at the charge and our commit."""
    command = take_command()
    take(command, store, provider)
    done: list[Charge] = []

    def watch(connection: Any, sql: str) -> None:
        if "DELETE FROM payments.unsettled" in sql and not done:
            connection.run("BEGIN")
            connection.run("SELECT 1")
            done.append(refund(refund_command(command.order_id), store, provider))

    database = Database(lambda: Watched(connect(), watch), sleep=lambda _: None)
    settled = Unsettled(database, Bus("Orders", eventbridge=FakeEvents())).settle(command.order_id)
    database.close()

    assert not settled
    assert noted(admin) == []
    assert provider.held(command.order_id) == 0

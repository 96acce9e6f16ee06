"""The outbox: every posted entry is published, at once or later, always as the same event."""

import json
import threading
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from pg8000.native import DatabaseError

from lambdas.payments import outbox as module
from lambdas.payments.charging import refund, take
from lambdas.payments.database import Database, connect
from lambdas.payments.domain import (
    Charged,
    Declined,
    State,
    apply_result,
    mark_refunded,
    pending_charge,
)
from lambdas.payments.outbox import Outbox, SweepOutcome
from lambdas.runtime.bus import Bus
from tests.support.aws_fakes import FakeEvents
from tests.support.payments import Watched, kinds_in_outbox, ledger_of, refund_command, take_command


@pytest.fixture(autouse=True)
def empty(admin):
    admin.run("DELETE FROM payments.outbox")


@pytest.fixture
def outbox(admin, events) -> Outbox:
    return Outbox(admin, Bus("Orders", eventbridge=events))


def published(events: FakeEvents) -> list[tuple[str, dict[str, Any]]]:
    return [(entry["DetailType"], json.loads(entry["Detail"])) for entry in events.taken]


def age(admin: Database, seconds: int = 60) -> None:
    admin.run(
        "UPDATE payments.outbox SET recorded_at = now() - make_interval(secs => :s)", s=seconds
    )


def leave_in_outbox(admin: Database, provider: Any, number: int = 1) -> list[str]:
    """Take payments whose events could not be published; return their orders, oldest first."""
    commands = [take_command() for _ in range(number)]
    ledger = ledger_of(admin, FakeEvents(broken=True))
    for command in commands:
        take(command, ledger, provider)
    age(admin)
    for i, command in enumerate(commands):
        admin.run(
            "UPDATE payments.outbox SET recorded_at = recorded_at - make_interval(secs => :s)"
            " WHERE order_id = :order_id",
            s=number - i,
            order_id=command.order_id,
        )
    return [command.order_id for command in commands]


class TestPublishAtOnce:
    def test_payment_and_its_refund_are_published_in_order(self, admin, store, provider, events):
        command = take_command()
        for _ in range(2):
            take(command, store, provider)
        for _ in range(2):
            refund(refund_command(command.order_id), store, provider)

        data = {
            "order_id": command.order_id,
            "customer_id": "c-1",
            "total": {"amount": 415, "currency": "GBP"},
        }
        assert [(kind, detail["data"]) for kind, detail in published(events)] == [
            ("PaymentTaken", data),
            ("PaymentRefunded", data),
        ]
        metadata = [detail["metadata"] for _, detail in published(events)]
        assert [detail["sequence"] for detail in metadata] == [1, 2]
        assert {detail["subject"] for detail in metadata} == {command.order_id}
        assert {entry["EventBusName"] for entry in events.taken} == {"Orders"}
        assert kinds_in_outbox(admin, command.order_id) == []

    def test_declined_charge_publishes_nothing(self, admin, store, provider, events):
        tombstone, declined = take_command(), take_command()
        refund(refund_command(tombstone.order_id), store, provider)
        take(tombstone, store, provider)
        provider.declines = True
        take(declined, store, provider)
        refund(refund_command(declined.order_id), store, provider)

        assert events.requests == []
        assert admin.run("SELECT * FROM payments.outbox") == []

    def test_event_is_published_after_the_commit(self, admin, provider):
        command = take_command()
        seen: list[list[list[Any]]] = []

        class ReadingFromAnotherConnection(FakeEvents):
            def put_events(self, **entries):
                with_another = Database()
                seen.append(
                    with_another.run(
                        "SELECT state FROM payments.charges WHERE order_id = :id",
                        id=command.order_id,
                    )
                )
                with_another.close()
                return super().put_events(**entries)

        take(command, ledger_of(admin, ReadingFromAnotherConnection()), provider)
        assert seen == [[["TAKEN"]]]


class Unreachable(FakeEvents):
    def put_events(self, **_):
        raise EndpointConnectionError(endpoint_url="https://events")


@pytest.mark.parametrize(
    ("bus", "error"),
    [
        (FakeEvents(broken=True), "ConnectionError: no bus"),
        (Unreachable(), "EndpointConnectionError"),
    ],
)
def test_failing_bus_does_not_fail_the_command(admin, provider, capsys, bus, error):
    command = take_command()
    assert take(command, ledger_of(admin, bus), provider).state is State.TAKEN
    assert kinds_in_outbox(admin, command.order_id) == ["CHARGE"]
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["error"].startswith(error)


def test_rejected_event_stays_in_the_outbox(admin, provider, capsys):
    command = take_command()
    rejecting = FakeEvents(refused={command.order_id})
    assert take(command, ledger_of(admin, rejecting), provider).state is State.TAKEN
    assert kinds_in_outbox(admin, command.order_id) == ["CHARGE"]
    assert json.loads(capsys.readouterr().out)["error"] == "rejected"


def test_failed_deletion_of_the_row_does_not_fail_the_command(admin, provider):
    command = take_command()

    def watch(connection, sql):
        if "DELETE" in sql:
            raise DatabaseError({"C": "42501"})

    database = Database(lambda: Watched(connect(), watch))
    assert take(command, ledger_of(database), provider).state is State.TAKEN
    assert kinds_in_outbox(admin, command.order_id) == ["CHARGE"]
    database.close()


def test_entry_and_row_are_written_in_one_transaction(admin, store):
    charge = store.find_or_create(pending_charge(take_command()))

    def watch(connection, sql):
        if "INSERT INTO payments.outbox" in sql:
            raise ZeroDivisionError

    database = Database(lambda: Watched(connect(), watch))
    with pytest.raises(ZeroDivisionError):
        ledger_of(database).transition(charge, apply_result(charge, Charged()))
    assert store.find_or_create(charge).state is State.PENDING
    assert kinds_in_outbox(admin, charge.order_id) == []
    database.close()


class TestSweep:
    def test_sweep_publishes_the_same_event_as_the_dead_function(
        self, admin, outbox, provider, events
    ):
        command = take_command()
        at_once = FakeEvents()

        class Crash(BaseException):
            pass

        class TakesAndDies(FakeEvents):
            def put_events(self, **entries):
                at_once.put_events(**entries)
                raise Crash

        with pytest.raises(Crash):
            take(command, ledger_of(admin, TakesAndDies()), provider)
        age(admin)

        assert outbox.sweep() == SweepOutcome(published=1, rejected=0)
        assert events.taken == at_once.taken != []
        assert kinds_in_outbox(admin, command.order_id) == []
        assert outbox.sweep() == SweepOutcome(published=0, rejected=0)

    def test_sweep_leaves_recent_rows_to_the_function_that_wrote_them(
        self, admin, outbox, provider, events
    ):
        (order_id,) = leave_in_outbox(admin, provider)
        age(admin, 25)
        assert outbox.sweep() == SweepOutcome(published=0, rejected=0)
        assert (events.requests, kinds_in_outbox(admin, order_id)) == ([], ["CHARGE"])

    def test_sweep_publishes_all_pages_oldest_first(
        self, admin, outbox, provider, events, monkeypatch
    ):
        monkeypatch.setattr(module, "PAGE", 2)
        orders = leave_in_outbox(admin, provider, 5)
        assert outbox.sweep() == SweepOutcome(published=5, rejected=0)
        assert [detail["data"]["order_id"] for _, detail in published(events)] == orders
        assert [len(request) for request in events.requests] == [2, 2, 1]

    def test_sweep_stops_at_its_limit_of_pages(self, admin, outbox, provider, monkeypatch):
        monkeypatch.setattr(module, "PAGE", 2)
        monkeypatch.setattr(module, "PAGES", 2)
        *_, last = leave_in_outbox(admin, provider, 5)
        assert outbox.sweep() == SweepOutcome(published=4, rejected=0)
        assert kinds_in_outbox(admin, last) == ["CHARGE"]

    def test_rejected_event_does_not_stop_the_others_of_its_page(self, admin, provider):
        first, second, third = leave_in_outbox(admin, provider, 3)
        rejecting = FakeEvents(refused={second})
        outbox = Outbox(admin, Bus("Orders", eventbridge=rejecting))
        assert outbox.sweep() == SweepOutcome(published=2, rejected=1)
        assert [kinds_in_outbox(admin, order) for order in (first, second, third)] == [
            [],
            ["CHARGE"],
            [],
        ]

    def test_failing_bus_fails_the_sweep_and_the_row_stays(self, admin, provider):
        (order_id,) = leave_in_outbox(admin, provider)
        with pytest.raises(ConnectionError):
            Outbox(admin, Bus("Orders", eventbridge=FakeEvents(broken=True))).sweep()
        assert kinds_in_outbox(admin, order_id) == ["CHARGE"]

    def test_concurrent_sweeps_publish_the_same_events(self, admin, provider):
        orders = leave_in_outbox(admin, provider, 7)
        both = threading.Barrier(2, timeout=10)
        swept: list[SweepOutcome] = []
        taken: list[FakeEvents] = []

        class WaitingForTheOther(FakeEvents):
            def put_events(self, **entries):
                answer = super().put_events(**entries)
                both.wait()
                return answer

        def run():
            database, events = Database(), WaitingForTheOther()
            swept.append(Outbox(database, Bus("Orders", eventbridge=events)).sweep())
            taken.append(events)
            database.close()

        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert swept == [SweepOutcome(published=7, rejected=0)] * 2
        assert taken[0].taken == taken[1].taken
        assert [detail["data"]["order_id"] for _, detail in published(taken[0])] == orders
        assert admin.run("SELECT * FROM payments.outbox") == []


def test_publish_outbox_returns_and_logs_its_outcome(admin, load, outbox, provider, capsys):
    publish_outbox = load("publish_outbox")
    publish_outbox.outbox = outbox
    leave_in_outbox(admin, provider, 2)
    capsys.readouterr()
    assert publish_outbox.handler({}, None) == {"published": 2, "rejected": 0}
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "message": "outbox_swept",
        "level": "INFO",
        "published": 2,
        "rejected": 0,
    }


def test_refund_of_a_declined_charge_publishes_nothing(admin, store, events):
    charge = store.find_or_create(pending_charge(take_command()))
    store.transition(charge, apply_result(charge, Declined("no")))
    store.transition(charge, mark_refunded(charge))
    assert events.requests == []

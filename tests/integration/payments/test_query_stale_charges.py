"""Status queries about the orders of stale charges."""

import json
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lambdas.contracts.envelope import event_id
from lambdas.contracts.parsing import parse_detail
from lambdas.contracts.payments import SOURCE, ChargeUnresolved
from lambdas.payments import unresolved_charges as module
from lambdas.payments.database import RETRY, Database, connect
from lambdas.payments.domain import pending_charge
from lambdas.payments.unresolved_charges import UnresolvedCharges
from lambdas.runtime.bus import Bus
from lambdas.runtime.status_queries import QueryOutcome
from tests.support.aws_fakes import FakeEvents
from tests.support.payments import (
    Crash,
    Watched,
    begin_stale_charges,
    make_stale,
    queries_sent,
    take_command,
)

STALE_AFTER = timedelta(hours=1)

pytestmark = pytest.mark.usefixtures("empty_indexes")


NO_WAIT = replace(RETRY, sleep=lambda _: None)


class TestQueryStale:
    def test_stale_charges_are_queried_once(self, admin, store, unresolved_charges, events):
        orders = begin_stale_charges(admin, store, 3)
        store.find_or_create(pending_charge(take_command()))

        assert unresolved_charges.query_stale(stale_after=STALE_AFTER) == QueryOutcome(
            queried=3, rejected=0
        )

        assert sorted(queries_sent(events)) == sorted((order, 1) for order in orders)
        assert unresolved_charges.query_stale(stale_after=STALE_AFTER) == QueryOutcome(
            queried=0, rejected=0
        )

    def test_query_is_an_event_with_a_subject_of_its_own(
        self, admin, store, unresolved_charges, events
    ):
        (order,) = begin_stale_charges(admin, store, 1)
        unresolved_charges.query_stale(stale_after=STALE_AFTER)

        (entry,) = events.taken
        published = parse_detail(ChargeUnresolved, json.loads(entry["Detail"])).metadata
        assert (published.subject, published.sequence) == (f"charge:{order}", 1)
        assert published.event_id == event_id(SOURCE, f"charge:{order}", 1)
        assert published.correlation_id == order

    @pytest.mark.parametrize("count", [-1, 2**31 - 1])
    def test_edited_count_begins_again(self, admin, store, unresolved_charges, events, count):
        orders = begin_stale_charges(admin, store, 2)
        admin.run(
            "UPDATE payments.unresolved_charges SET query_count = :count WHERE order_id = :id",
            count=count,
            id=orders[0],
        )

        unresolved_charges.query_stale(stale_after=STALE_AFTER)

        assert sorted(queries_sent(events)) == sorted((order, 1) for order in orders)

    def test_run_publishes_page_by_page_oldest_first(
        self, admin, store, unresolved_charges, events, monkeypatch
    ):
        monkeypatch.setattr(module, "PAGE", 2)
        orders = begin_stale_charges(admin, store, 5)

        assert unresolved_charges.query_stale(stale_after=STALE_AFTER) == QueryOutcome(
            queried=5, rejected=0
        )

        pages = [{order for order, _ in queries_sent(events)[i : i + 2]} for i in (0, 2, 4)]
        assert pages == [set(orders[:2]), set(orders[2:4]), set(orders[4:])]

    def test_run_stops_at_its_limit_and_the_next_run_continues(
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

    def test_concurrent_runs_query_each_order_once(self, admin, store, monkeypatch, settings):
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

    def test_run_that_loses_a_conflict_claims_other_rows(
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

        database = Database(lambda: Watched(connect(), watch), retry=NO_WAIT)
        later = FakeEvents()
        UnresolvedCharges(database, Bus("Orders", eventbridge=later)).query_stale(
            stale_after=STALE_AFTER
        )
        database.close()

        assert {order for order, _ in queries_sent(events)} == set(orders[:2])
        assert {order for order, _ in queries_sent(later)} == set(orders[2:])

    def test_queries_lost_after_the_claim_are_published_when_stale_again(
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

    def test_run_that_dies_before_its_claim_changes_nothing(self, admin, store, unresolved_charges):
        orders = begin_stale_charges(admin, store, 2)

        def watch(connection: Any, sql: str) -> None:
            raise Crash

        database = Database(lambda: Watched(connect(), watch))
        with pytest.raises(Crash):
            UnresolvedCharges(database, Bus("Orders", eventbridge=FakeEvents())).query_stale(
                stale_after=STALE_AFTER
            )

        assert unresolved_charges.find_stale(stale_after=STALE_AFTER) == orders

    def test_rejected_query_is_counted_and_ends_the_run(self, admin, store, events, monkeypatch):
        monkeypatch.setattr(module, "PAGE", 2)
        orders = begin_stale_charges(admin, store, 4)
        refusing = FakeEvents(refused={f"charge:{orders[0]}"})

        unresolved_charges = UnresolvedCharges(admin, Bus("Orders", eventbridge=refusing))

        assert unresolved_charges.query_stale(stale_after=STALE_AFTER) == QueryOutcome(
            queried=1, rejected=1
        )
        assert queries_sent(refusing) == [(orders[1], 1)]
        assert unresolved_charges.find_stale(stale_after=STALE_AFTER) == orders[2:]

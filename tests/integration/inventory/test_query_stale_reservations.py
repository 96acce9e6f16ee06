"""Scheduled runs query the orders of stale reservations, each once."""

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest

from lambdas.contracts.bounds import MAX_INTEGER
from lambdas.contracts.codec import ContractError
from lambdas.contracts.envelope import event_id
from lambdas.contracts.inventory import SOURCE
from lambdas.contracts.times import format_time
from lambdas.inventory import unresolved_reservations as module
from lambdas.inventory.domain import index_shard
from lambdas.runtime.bus import Bus
from lambdas.runtime.settings import SettingMissing
from lambdas.runtime.status_queries import QueryOutcome
from tests.integration.inventory.stale_reservations import (
    RUNS,
    STALE_AFTER,
    STALE_AT,
    Crash,
    make_stale,
    poller,
    queries,
)
from tests.support.aws_fakes import FakeEvents
from tests.support.inventory_tables import Inventory
from tests.support.spy import Spy


class TestQueryStale:
    def test_only_stale_reservations_are_queried(self, inventory: Inventory, query_stale: Any):
        inventory.receive("opening", {"A": 2})
        inventory.reserve("old", {"A": 1})
        inventory.reserve("young", {"A": 1}, now=format_time(STALE_AT - STALE_AFTER))

        assert query_stale() == ["old"]

    def test_each_query_is_a_new_event_with_the_next_sequence(
        self, dynamodb: Any, inventory: Inventory
    ):
        (order,) = make_stale(inventory, 1)
        events = FakeEvents()
        for now in (STALE_AT, STALE_AT + 2 * STALE_AFTER):
            poller(dynamodb, inventory, events).query_stale(now=now)

        first, second = queries(events)
        subject = f"reservation:{order}"
        assert (first.metadata.subject, first.metadata.sequence) == (subject, 1)
        assert (second.metadata.subject, second.metadata.sequence) == (subject, 2)
        assert second.metadata.event_id == event_id(SOURCE, subject, 2)
        assert second.metadata.correlation_id == order

    def test_run_queries_one_page_and_the_next_run_continues(
        self, inventory: Inventory, query_stale: Any, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(module, "PAGE_SIZE", 2)
        orders = make_stale(inventory, 5)

        pages = [query_stale(STALE_AT + timedelta(seconds=n)) for n in range(4)]

        assert pages == [orders[:2], orders[2:4], orders[4:], []]

    def test_all_shards_are_queried(self, inventory: Inventory, query_stale: Any):
        orders = [f"o{n}" for n in range(60)]
        assert len({index_shard(order) for order in orders}) == 16
        inventory.receive("opening", {"A": 60})
        for order in orders:
            inventory.reserve(order, {"A": 1})

        assert query_stale() == sorted(orders)

    def test_concurrent_runs_query_each_order_once(self, inventory: Inventory, dynamodb: Any):
        orders = make_stale(inventory, 12)
        events, start = FakeEvents(), Barrier(RUNS)

        def run(_: int) -> QueryOutcome:
            start.wait()
            return poller(dynamodb, inventory, events).query_stale(now=STALE_AT)

        with ThreadPoolExecutor(RUNS) as pool:
            done = list(pool.map(run, range(RUNS)))

        assert sorted(event.data.order_id for event in queries(events)) == sorted(orders)
        assert sum(each.queried for each in done) == len(orders)

    def test_interrupted_run_does_not_repeat_the_queries_of_another(
        self, inventory: Inventory, dynamodb: Any, query_stale: Any
    ):
        orders = make_stale(inventory, 3)
        inner: list[str] = []

        def interrupt(operation: str) -> None:
            if operation == "update_item" and not inner:
                inner.extend(query_stale())

        assert query_stale(client=Spy(dynamodb, interrupt)) == []
        assert inner == sorted(orders)

    @pytest.mark.parametrize("resolved_by", ["release", "ship"])
    def test_reservation_closed_between_finding_and_claiming_is_not_queried(
        self, inventory: Inventory, dynamodb: Any, query_stale: Any, resolved_by: str
    ):
        (order,) = make_stale(inventory, 1)

        def interrupt(operation: str) -> None:
            if operation == "update_item":
                getattr(inventory, resolved_by)(order)

        assert query_stale(client=Spy(dynamodb, interrupt)) == []
        assert "last_activity_at" not in inventory.reservations()[order]

    def test_run_that_dies_anywhere_changes_no_stock_and_is_repeated_later(
        self, inventory: Inventory, dynamodb: Any, query_stale: Any
    ):
        orders = make_stale(inventory, 3)
        held = inventory.stock()
        now, at, died = STALE_AT, 0, True
        while died:
            at, died, calls = at + 1, False, 0

            def die(_: str) -> None:
                nonlocal calls
                calls += 1
                if calls == at:  # noqa: B023 -- called within this round
                    raise Crash

            try:
                query_stale(now, client=Spy(dynamodb, die))
            except Crash:
                died = True
            assert inventory.stock() == held
            now += 2 * STALE_AFTER
            assert query_stale(now) == orders
            now += 2 * STALE_AFTER
        # A run queries 16 shards and claims three times.
        assert at == 16 + 3 + 1

    def test_rejected_query_is_reported_and_published_again_later(
        self, inventory: Inventory, dynamodb: Any, query_stale: Any
    ):
        orders = make_stale(inventory, 3)
        events = FakeEvents(refused={f"reservation:{orders[1]}"})

        queried = poller(dynamodb, inventory, events).query_stale(now=STALE_AT)

        assert queried == QueryOutcome(queried=2, rejected=1)
        again = FakeEvents()
        poller(dynamodb, inventory, again).query_stale(now=STALE_AT + 2 * STALE_AFTER)
        assert [(f.data.order_id, f.metadata.sequence) for f in queries(again)] == [
            (order, 2) for order in orders
        ]

    def test_run_stops_after_a_rejected_query(self, inventory: Inventory, dynamodb: Any):
        inventory.receive("opening", {"A": 2})
        first, second = sorted(("o1", "o2"), key=index_shard)
        assert index_shard(first) < index_shard(second)
        for order in (first, second):
            inventory.reserve(order, {"A": 1})
        events = FakeEvents(refused={f"reservation:{first}"})

        queried = poller(dynamodb, inventory, events).query_stale(now=STALE_AT)

        assert queried == QueryOutcome(queried=0, rejected=1)
        assert poller(dynamodb, inventory, events).find_stale(now=STALE_AT) == [second]

    def test_unreachable_bus_fails_the_run(
        self, inventory: Inventory, dynamodb: Any, query_stale: Any
    ):
        orders = make_stale(inventory, 2)

        with pytest.raises(ConnectionError):
            poller(dynamodb, inventory, FakeEvents(broken=True)).query_stale(now=STALE_AT)

        assert query_stale(STALE_AT + 2 * STALE_AFTER) == orders


class TestRun:
    @pytest.fixture
    def run(
        self,
        load_handler: Callable[..., Any],
        inventory: Inventory,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Callable[..., tuple[Any, FakeEvents]]:
        def run(event: dict[str, Any]) -> tuple[Any, FakeEvents]:
            name, events = "lambdas.inventory.query_stale_reservations", FakeEvents()
            handler = load_handler(
                name,
                RESERVATIONS_TABLE=inventory.reservations_table,
                EVENT_BUS="Orders",
                STALE_AFTER_SECONDS="3600",
            )
            monkeypatch.setattr(sys.modules[name].poller, "_bus", Bus("Orders", eventbridge=events))
            return handler(event, None), events

        return run

    def test_run_returns_and_logs_its_counts(
        self, inventory: Inventory, run: Any, capsys: pytest.CaptureFixture[str]
    ):
        make_stale(inventory, 2)

        answer, events = run({"source": "aws.scheduler", "detail": "{}"})

        assert answer == {"queried": 2, "rejected": 0}
        assert len(events.taken) == 2
        assert json.loads(capsys.readouterr().out) == {
            "message": "stale_reservations_queried",
            "level": "INFO",
            "queried": 2,
            "rejected": 0,
        }

    def test_dry_run_returns_the_orders_to_query_and_changes_nothing(
        self, inventory: Inventory, run: Any
    ):
        orders = make_stale(inventory, 2)
        before = inventory.reservations()

        for _ in range(2):
            answer, events = run({"dry_run": True})
            assert answer == {"would_query": orders}
            assert events.requests == []

        assert inventory.reservations() == before
        assert run({"dry_run": False})[0] == {"queried": 2, "rejected": 0}

    @pytest.mark.parametrize("value", ["true", 1, None])
    def test_invalid_dry_run_flag_is_refused_and_nothing_runs(
        self, inventory: Inventory, run: Any, value: Any
    ):
        make_stale(inventory, 1)
        before = inventory.reservations()

        with pytest.raises(ContractError, match="dry_run must be a boolean"):
            run({"dry_run": value})

        assert inventory.reservations() == before

    @pytest.mark.parametrize("missing", ["RESERVATIONS_TABLE", "EVENT_BUS", "STALE_AFTER_SECONDS"])
    def test_missing_setting_is_named(
        self, load_handler: Any, monkeypatch: pytest.MonkeyPatch, missing: str
    ):
        given = {"RESERVATIONS_TABLE": "t", "EVENT_BUS": "b", "STALE_AFTER_SECONDS": "1"}
        monkeypatch.delenv(missing, raising=False)

        with pytest.raises(SettingMissing, match=missing):
            load_handler(
                "lambdas.inventory.query_stale_reservations",
                **{name: value for name, value in given.items() if name != missing},
            )


@pytest.mark.parametrize(
    "count",
    [
        {"S": "two"},
        {"NS": ["1", "2"]},
        {"NULL": True},
        {"N": "-1"},
        {"N": str(MAX_INTEGER)},
        {"N": "1E37"},
    ],
    ids=str,
)
def test_edited_count_begins_again_and_others_are_queried(
    dynamodb: Any, inventory: Inventory, count: Any, capsys: pytest.CaptureFixture[str]
):
    first, second = make_stale(inventory, 2)
    dynamodb.update_item(
        TableName=inventory.reservations_table,
        Key={"order_id": {"S": first}},
        UpdateExpression="SET query_count = :edited",
        ExpressionAttributeValues={":edited": count},
    )
    events = FakeEvents()
    for now in (STALE_AT, STALE_AT + 2 * STALE_AFTER):
        poller(dynamodb, inventory, events).query_stale(now=now)

    assert [(q.data.order_id, q.metadata.sequence) for q in queries(events)] == [
        (first, 1),
        (second, 1),
        (first, 2),
        (second, 2),
    ]
    assert capsys.readouterr().out.count("query_count_replaced") == 1

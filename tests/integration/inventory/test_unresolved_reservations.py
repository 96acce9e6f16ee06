"""Unresolved reservations: for every fate of an order, its reservation is kept or released."""

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.contracts.codec import ContractError
from lambdas.contracts.envelope import EventEnvelope, envelope, event_id
from lambdas.contracts.inventory import SOURCE, ReservationUnresolved
from lambdas.contracts.orders import OrderConfirmed, OrderStatusReported, parse_order_status
from lambdas.contracts.parsing import parse_detail
from lambdas.contracts.values import Money
from lambdas.inventory import unresolved_reservations as module
from lambdas.inventory.domain import index_shard, reservation_unresolved
from lambdas.inventory.unresolved_reservations import (
    StaleReservationPoller,
    UnresolvedReservations,
    reconcile,
)
from lambdas.runtime.bus import Bus
from lambdas.runtime.settings import SettingMissing
from lambdas.runtime.status_queries import QueryOutcome
from tests.support.aws_fakes import FakeEvents
from tests.support.inventory_tables import LATER, NOW, Inventory
from tests.support.spy import Spy

STALE_AFTER = timedelta(hours=1)
START = datetime.fromisoformat(NOW)
STALE_AT = START + STALE_AFTER + timedelta(seconds=1)
OVER, STANDS = ("REJECTED", "CANCELLED"), ("CONFIRMED", "DISPATCHED")
MAX_IN_FLIGHT = ("PLACED", "WITHDRAWN", "SOME_LATER_STATE")
RUNS = 8


class Crash(Exception):
    """The function died here."""


def delivered(event: EventEnvelope[Any]) -> dict[str, Any]:
    """The fact as EventBridge hands it to a function."""
    entry = event.to_put_events_entry("Orders")
    return {
        "source": entry["Source"],
        "detail-type": entry["DetailType"],
        "detail": json.loads(entry["Detail"]),
    }


def state_of(order_id: str, state: str) -> dict[str, Any]:
    """What orders answers."""
    query_id = reservation_unresolved(order_id, query_number=1, now=NOW).metadata.event_id
    return delivered(
        envelope(
            OrderStatusReported(order_id=order_id, state=state),
            subject=query_id,
            sequence=1,
            correlation_id=order_id,
            causation_id=query_id,
            occurred_at=NOW,
        )
    )


def confirmed(order_id: str) -> dict[str, Any]:
    return delivered(
        envelope(
            OrderConfirmed(
                order_id=order_id,
                customer_id="c1",
                lines=(),
                total=Money(amount=1, currency="GBP"),
                country="France",
            ),
            subject=order_id,
            sequence=2,
            correlation_id=order_id,
            causation_id=order_id,
            occurred_at=NOW,
        )
    )


@pytest.fixture
def reconcile_on(
    load_handler: Callable[..., Any], inventory: Inventory
) -> Callable[[dict[str, Any]], str]:
    """Handle an order's status event; return the outcome."""
    handler = load_handler(
        "lambdas.inventory.reconcile_reservation",
        RESERVATIONS_TABLE=inventory.reservations_table,
        STOCK_TABLE=inventory.stock_table,
    )
    return lambda event: str(handler(event, None)["outcome"])


@pytest.fixture
def query_stale(dynamodb: Any, inventory: Inventory) -> Callable[..., list[str]]:
    """Make a run whose queries the bus takes; return the orders that it queried."""

    def query_stale(now: datetime = STALE_AT, client: Any = dynamodb) -> list[str]:
        events = FakeEvents()
        queried = poller(client, inventory, events).query_stale(now=now)
        assert queried == QueryOutcome(queried=len(events.taken), rejected=0)
        return sorted(event.data.order_id for event in queries(events))

    return query_stale


def poller(dynamodb: Any, inventory: Inventory, events: FakeEvents) -> StaleReservationPoller:
    table = UnresolvedReservations(inventory.reservations_table, dynamodb=dynamodb)
    return StaleReservationPoller(table, Bus("Orders", eventbridge=events), stale_after=STALE_AFTER)


def queries(events: FakeEvents) -> list[EventEnvelope[ReservationUnresolved]]:
    return [
        parse_detail(ReservationUnresolved, json.loads(entry["Detail"])) for entry in events.taken
    ]


def make_stale(inventory: Inventory, number: int) -> list[str]:
    """Make stale reservations, all in one shard, the oldest first; return their orders."""
    names = (f"o{n:04}" for n in range(10_000))
    orders = [name for name in names if index_shard(name) == "07"][:number]
    inventory.receive("opening", {"A": number})
    for n, order in enumerate(orders):
        inventory.reserve(order, {"A": 1}, now=(START - timedelta(seconds=number - n)).isoformat())
    return orders


class TestReconcile:
    @pytest.mark.parametrize("state", OVER)
    def test_reservation_of_an_undone_order_is_released_once(
        self, inventory: Inventory, reconcile_on: Any, query_stale: Any, state: str
    ):
        make_stale(inventory, 1)
        (order,) = query_stale()

        assert [reconcile_on(state_of(order, state)) for _ in range(3)] == ["RELEASED"] * 3

        assert inventory.stock() == {"A": (1, 0)}
        assert query_stale(STALE_AT + 2 * STALE_AFTER) == []

    @pytest.mark.parametrize("said", [*STANDS, "OrderConfirmed"])
    def test_reservation_of_a_confirmed_order_is_kept_and_not_queried_again(
        self, inventory: Inventory, reconcile_on: Any, query_stale: Any, said: str
    ):
        (order,) = make_stale(inventory, 1)
        event = confirmed(order) if said == "OrderConfirmed" else state_of(order, said)

        assert [reconcile_on(event) for _ in range(2)] == ["RESOLVED", "UNCHANGED"]

        assert inventory.stock() == {"A": (0, 1)}
        assert query_stale(STALE_AT) == []
        assert inventory.ship(order).state == "SHIPPED"

    @pytest.mark.parametrize("state", MAX_IN_FLIGHT)
    def test_reservation_of_an_order_in_progress_is_unchanged_and_queried_again(
        self, inventory: Inventory, reconcile_on: Any, query_stale: Any, state: str
    ):
        make_stale(inventory, 1)
        (order,) = query_stale()

        assert reconcile_on(state_of(order, state)) == "UNCHANGED"

        assert inventory.stock() == {"A": (0, 1)}
        assert query_stale(STALE_AT + STALE_AFTER) == []
        assert query_stale(STALE_AT + STALE_AFTER + timedelta(seconds=1)) == [order]

    @pytest.mark.parametrize("state", [*OVER, *STANDS, *MAX_IN_FLIGHT])
    def test_reservation_without_units_is_unchanged(
        self, inventory: Inventory, reconcile_on: Any, query_stale: Any, state: str
    ):
        inventory.receive("opening", {"A": 2})
        inventory.reserve("shipped", {"A": 1})
        inventory.ship("shipped")
        inventory.reserve("released", {"A": 1})
        inventory.release("released")
        inventory.reserve("refused", {"A": 9})
        inventory.release("tombstone")
        before = inventory.reservations()

        assert query_stale() == []
        for order in before:
            reconcile_on(state_of(order, state))

        assert inventory.reservations() == before
        assert inventory.stock() == {"A": (1, 0)}

    def test_undone_order_cannot_reserve_later(self, inventory: Inventory, reconcile_on: Any):
        inventory.receive("opening", {"A": 1})

        assert reconcile_on(state_of("o1", "CANCELLED")) == "RELEASED"

        assert inventory.reserve("o1", {"A": 1}).state == "RELEASED"
        assert inventory.stock() == {"A": (1, 0)}

    @pytest.mark.parametrize("state", [*STANDS, *MAX_IN_FLIGHT])
    def test_order_without_a_reservation_gets_none(
        self, inventory: Inventory, reconcile_on: Any, state: str
    ):
        assert reconcile_on(state_of("o1", state)) == "UNCHANGED"
        assert inventory.reservations() == {}

    def test_other_event_is_refused_by_name(self, reconcile_on: Any):
        with pytest.raises(ContractError, match="inventory is none of OrderConfirmed"):
            reconcile_on(delivered(reservation_unresolved("o1", query_number=1, now=NOW)))


class TestQueryStale:
    def test_only_stale_reservations_are_queried(self, inventory: Inventory, query_stale: Any):
        inventory.receive("opening", {"A": 2})
        inventory.reserve("old", {"A": 1})
        inventory.reserve("young", {"A": 1}, now=(STALE_AT - STALE_AFTER).isoformat())

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


LIVES = (
    ("reserve", "CONFIRMED", "DISPATCHED", "ship"),
    ("reserve", "CONFIRMED", "WITHDRAWN", "release", "CANCELLED"),
    ("reserve", "CONFIRMED"),
    ("reserve", "release", "REJECTED"),
    # Its compensation was dead-lettered, or is late.
    ("reserve", "REJECTED"),
    ("reserve", "REJECTED", "release"),
    # A saga that lives on after its order is over.
    ("CANCELLED", "reserve"),
    ("reserve", "release", "REJECTED", "reserve"),
    # Still under way.
    ("reserve",),
)
"""What sagas do, in order: to the reservation, and to the state of the order."""


class World:
    """One order, its saga, and the questions and answers, which take their time."""

    def __init__(
        self, inventory: Inventory, life: tuple[str, ...], query_stale: Any, reconcile_on: Any
    ) -> None:
        self.inventory, self.left = inventory, list(life)
        self.query_stale_, self.reconcile_on = query_stale, reconcile_on
        self.state, self.now, self.undone = "PLACED", STALE_AT, False
        self.queries = 0
        self.undelivered: list[dict[str, Any]] = []
        inventory.receive("opening", {"A": 3})

    def saga(self) -> None:
        if not self.left:
            return
        step = self.left.pop(0)
        if step == "reserve":
            self.inventory.reserve("o1", {"A": 1}, now=NOW)
        elif step == "release":
            self.undone = True
            self.inventory.release("o1")
        elif step == "ship":
            self.inventory.ship("o1")
        else:
            self.state = step
            if step == "CONFIRMED":
                self.undelivered.append(confirmed("o1"))

    def query_stale(self) -> None:
        self.queries += len(self.query_stale_(self.now))
        self.now += 2 * STALE_AFTER

    def report_status(self) -> None:
        if self.queries:
            self.undelivered.append(state_of("o1", self.state))

    def deliver_first(self) -> None:
        if self.undelivered:
            self.reconcile_on(self.undelivered.pop(0))

    def deliver_last(self) -> None:
        """It stays, to be delivered again."""
        if self.undelivered:
            self.reconcile_on(self.undelivered[-1])

    def lose(self) -> None:
        if self.undelivered:
            self.undelivered.pop()

    def check(self) -> None:
        row = self.inventory.reservations().get("o1", {})
        held = row.get("state") == "RESERVED"
        assert self.inventory.stock() in (
            [{"A": (2, 1)}] if held else [{"A": (3, 0)}, {"A": (2, 0)}]
        )
        if row and self.state not in OVER and not self.undone:
            assert row["state"] in ("RESERVED", "SHIPPED")


@settings(max_examples=80)
@given(
    life=st.sampled_from(LIVES),
    does=st.lists(
        st.sampled_from(
            [
                "saga",
                "saga",
                "query_stale",
                "report_status",
                "deliver_first",
                "deliver_last",
                "lose",
            ]
        ),
        max_size=16,
    ),
)
def test_reservations_end_as_their_orders_do(
    dynamodb: Any, make_table: Callable[..., str], life: tuple[str, ...], does: list[str]
):
    inventory = Inventory(dynamodb, make_table)
    table = UnresolvedReservations(inventory.reservations_table, dynamodb=dynamodb)

    def query_stale(now: datetime) -> list[str]:
        events = FakeEvents()
        StaleReservationPoller(
            table, Bus("Orders", eventbridge=events), stale_after=STALE_AFTER
        ).query_stale(now=now)
        return [event.data.order_id for event in queries(events)]

    def reconcile_on(event: dict[str, Any]) -> None:
        reconcile(
            parse_order_status(event), reservations=inventory.store, unresolved=table, now=LATER
        )

    world = World(inventory, life, query_stale, reconcile_on)
    for name in does:
        getattr(world, name)()
        world.check()
    while world.left:
        world.saga()
        world.check()
    for _ in range(2):
        world.query_stale()
        world.report_status()
        while world.undelivered:
            world.deliver_first()
            world.check()

    row = inventory.reservations()["o1"]
    if world.state in OVER:
        assert row["state"] == "RELEASED"
    elif world.state == "DISPATCHED":
        assert row["state"] == "SHIPPED"
    else:
        assert row["state"] == "RESERVED"
        assert ("unresolved_shard" in row) is (world.state == "PLACED")

"""Whatever became of an order, and whenever that is heard: what is to stay stays, the rest goes."""

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
from lambdas.contracts.event import EventEnvelope, event_id, parse_detail, envelope
from lambdas.contracts.inventory import SOURCE, ReservationUnresolved
from lambdas.contracts.orders import OrderConfirmed, OrderStatusReported, parse_order_status
from lambdas.contracts.values import Money
from lambdas.inventory import unsettled as module
from lambdas.inventory.domain import question, shard
from lambdas.inventory.unsettled import Asked, Inquiry, Unsettled, follow
from lambdas.runtime.bus import Bus
from lambdas.runtime.settings import SettingMissing
from tests.unit.inventory.shop import LATER, NOW, Shop
from tests.unit.runtime.fakes import FakeEvents
from tests.unit.spy import Spy

PATIENCE = timedelta(hours=1)
START = datetime.fromisoformat(NOW)
QUIET = START + PATIENCE + timedelta(seconds=1)
OVER, STANDS = ("REJECTED", "CANCELLED"), ("CONFIRMED", "DISPATCHED")
UNDER_WAY = ("PLACED", "WITHDRAWN", "SOME_LATER_STATE")
RUNS = 8


class Crash(Exception):
    """The function died here."""


def delivered(fact: EventEnvelope[Any]) -> dict[str, Any]:
    """The fact as EventBridge hands it to a function."""
    entry = fact.to_put_events_entry("Orders")
    return {
        "source": entry["Source"],
        "detail-type": entry["DetailType"],
        "detail": json.loads(entry["Detail"]),
    }


def state_of(order_id: str, state: str) -> dict[str, Any]:
    """What orders answers."""
    asked = question(order_id, asked=1, now=NOW).metadata.event_id
    return delivered(
        envelope(
            OrderStatusReported(order_id=order_id, state=state),
            subject=asked,
            sequence=1,
            correlation_id=order_id,
            causation_id=asked,
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
def settle(load_handler: Callable[..., Any], shop: Shop) -> Callable[[dict[str, Any]], str]:
    """What the function does when it hears of an order."""
    handler = load_handler(
        "lambdas.inventory.settle_reservation",
        RESERVATIONS_TABLE=shop.reservations_table,
        STOCK_TABLE=shop.stock_table,
    )
    return lambda event: str(handler(event, None)["done"])


@pytest.fixture
def ask(dynamodb: Any, shop: Shop) -> Callable[..., list[str]]:
    """Make a run, which the bus lets succeed; return the orders that it asked about."""

    def ask(now: datetime = QUIET, client: Any = dynamodb) -> list[str]:
        events = FakeEvents()
        asked = inquiry(client, shop, events).ask(now=now)
        assert asked == Asked(asked=len(events.taken), rejected=0)
        return sorted(fact.data.order_id for fact in questions(events))

    return ask


def inquiry(dynamodb: Any, shop: Shop, events: FakeEvents) -> Inquiry:
    table = Unsettled(shop.reservations_table, dynamodb=dynamodb)
    return Inquiry(table, Bus("Orders", eventbridge=events), patience=PATIENCE)


def questions(events: FakeEvents) -> list[EventEnvelope[ReservationUnresolved]]:
    return [parse_detail(ReservationUnresolved, json.loads(entry["Detail"])) for entry in events.taken]


def leave(shop: Shop, number: int) -> list[str]:
    """Reservations of which nobody says anything, all in one shard, the oldest first."""
    names = (f"o{n:04}" for n in range(10_000))
    orders = [name for name in names if shard(name) == "07"][:number]
    shop.receive("opening", {"A": number})
    for n, order in enumerate(orders):
        shop.reserve(order, {"A": 1}, now=(START - timedelta(seconds=number - n)).isoformat())
    return orders


class TestSettling:
    @pytest.mark.parametrize("state", OVER)
    def test_what_an_order_that_is_over_left_is_released_once(
        self, shop: Shop, settle: Any, ask: Any, state: str
    ):
        leave(shop, 1)
        (order,) = ask()

        assert [settle(state_of(order, state)) for _ in range(3)] == ["RELEASED"] * 3

        assert shop.stock() == {"A": (1, 0)}
        assert ask(QUIET + 2 * PATIENCE) == []

    @pytest.mark.parametrize("said", [*STANDS, "OrderConfirmed"])
    def test_what_stands_is_kept_and_not_asked_about_any_more(
        self, shop: Shop, settle: Any, ask: Any, said: str
    ):
        (order,) = leave(shop, 1)
        event = confirmed(order) if said == "OrderConfirmed" else state_of(order, said)

        assert [settle(event) for _ in range(2)] == ["SETTLED", "NOTHING"]

        assert shop.stock() == {"A": (0, 1)}
        assert ask(QUIET) == []
        assert shop.ship(order).state == "SHIPPED"

    @pytest.mark.parametrize("state", UNDER_WAY)
    def test_what_is_under_way_is_left_alone_and_asked_about_again(
        self, shop: Shop, settle: Any, ask: Any, state: str
    ):
        leave(shop, 1)
        (order,) = ask()

        assert settle(state_of(order, state)) == "NOTHING"

        assert shop.stock() == {"A": (0, 1)}
        assert ask(QUIET + PATIENCE) == []
        assert ask(QUIET + PATIENCE + timedelta(seconds=1)) == [order]

    @pytest.mark.parametrize("state", [*OVER, *STANDS, *UNDER_WAY])
    def test_what_holds_nothing_any_more_stays_as_it_is(
        self, shop: Shop, settle: Any, ask: Any, state: str
    ):
        shop.receive("opening", {"A": 2})
        shop.reserve("shipped", {"A": 1})
        shop.ship("shipped")
        shop.reserve("released", {"A": 1})
        shop.release("released")
        shop.reserve("refused", {"A": 9})
        shop.release("tombstone")
        before = shop.reservations()

        assert ask() == []
        for order in before:
            settle(state_of(order, state))

        assert shop.reservations() == before
        assert shop.stock() == {"A": (1, 0)}

    def test_an_order_that_is_over_can_reserve_nothing_later(self, shop: Shop, settle: Any):
        shop.receive("opening", {"A": 1})

        assert settle(state_of("o1", "CANCELLED")) == "RELEASED"

        assert shop.reserve("o1", {"A": 1}).state == "RELEASED"
        assert shop.stock() == {"A": (1, 0)}

    @pytest.mark.parametrize("state", [*STANDS, *UNDER_WAY])
    def test_nothing_is_made_of_an_order_that_holds_nothing(
        self, shop: Shop, settle: Any, state: str
    ):
        assert settle(state_of("o1", state)) == "NOTHING"
        assert shop.reservations() == {}

    def test_another_event_is_refused_by_name(self, settle: Any):
        with pytest.raises(ContractError, match="ReservationUnresolved is none of OrderConfirmed"):
            settle(delivered(question("o1", asked=1, now=NOW)))


class TestAsking:
    def test_only_what_is_quiet_is_asked_about(self, shop: Shop, ask: Any):
        shop.receive("opening", {"A": 2})
        shop.reserve("old", {"A": 1})
        shop.reserve("young", {"A": 1}, now=(QUIET - PATIENCE).isoformat())

        assert ask() == ["old"]

    def test_each_question_is_an_event_of_its_own_about_a_subject_of_its_own(
        self, dynamodb: Any, shop: Shop
    ):
        (order,) = leave(shop, 1)
        events = FakeEvents()
        for now in (QUIET, QUIET + 2 * PATIENCE):
            inquiry(dynamodb, shop, events).ask(now=now)

        first, second = questions(events)
        subject = f"reservation:{order}"
        assert (first.metadata.subject, first.metadata.sequence) == (subject, 1)
        assert (second.metadata.subject, second.metadata.sequence) == (subject, 2)
        assert second.metadata.event_id == event_id(SOURCE, subject, 2)
        assert second.metadata.correlation_id == order

    def test_each_run_asks_about_a_page_and_the_next_goes_on_behind_it(
        self, shop: Shop, ask: Any, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(module, "PAGE", 2)
        orders = leave(shop, 5)

        pages = [ask(QUIET + timedelta(seconds=n)) for n in range(4)]

        assert pages == [orders[:2], orders[2:4], orders[4:], []]

    def test_all_shards_are_asked_about(self, shop: Shop, ask: Any):
        orders = [f"o{n}" for n in range(60)]
        assert len({shard(order) for order in orders}) == 16
        shop.receive("opening", {"A": 60})
        for order in orders:
            shop.reserve(order, {"A": 1})

        assert ask() == sorted(orders)

    def test_runs_at_the_same_time_ask_once(self, shop: Shop, dynamodb: Any):
        orders = leave(shop, 12)
        events, start = FakeEvents(), Barrier(RUNS)

        def run(_: int) -> Asked:
            start.wait()
            return inquiry(dynamodb, shop, events).ask(now=QUIET)

        with ThreadPoolExecutor(RUNS) as pool:
            done = list(pool.map(run, range(RUNS)))

        assert sorted(fact.data.order_id for fact in questions(events)) == sorted(orders)
        assert sum(each.asked for each in done) == len(orders)

    def test_a_run_within_a_run_asks_about_what_is_left(self, shop: Shop, dynamodb: Any, ask: Any):
        orders = leave(shop, 3)
        inner: list[str] = []

        def interrupt(operation: str) -> None:
            if operation == "update_item" and not inner:
                inner.extend(ask())

        assert ask(client=Spy(dynamodb, interrupt)) == []
        assert inner == sorted(orders)

    @pytest.mark.parametrize("settled_by", ["release", "ship"])
    def test_what_is_settled_between_finding_and_claiming_is_not_asked_about(
        self, shop: Shop, dynamodb: Any, ask: Any, settled_by: str
    ):
        (order,) = leave(shop, 1)

        def interrupt(operation: str) -> None:
            if operation == "update_item":
                getattr(shop, settled_by)(order)

        assert ask(client=Spy(dynamodb, interrupt)) == []
        assert "quiet_since" not in shop.reservations()[order]

    def test_a_run_that_dies_anywhere_changes_nothing_that_matters_and_is_made_good(
        self, shop: Shop, dynamodb: Any, ask: Any
    ):
        orders = leave(shop, 3)
        held = shop.stock()
        now, at, died = QUIET, 0, True
        while died:
            at, died, calls = at + 1, False, 0

            def die(_: str) -> None:
                nonlocal calls
                calls += 1
                if calls == at:  # noqa: B023 -- called within this round
                    raise Crash

            try:
                ask(now, client=Spy(dynamodb, die))
            except Crash:
                died = True
            assert shop.stock() == held
            now += 2 * PATIENCE
            assert ask(now) == orders
            now += 2 * PATIENCE
        # A run queries 16 shards and claims three times.
        assert at == 16 + 3 + 1

    def test_what_the_bus_does_not_take_is_reported_and_asked_again(
        self, shop: Shop, dynamodb: Any, ask: Any
    ):
        orders = leave(shop, 3)
        events = FakeEvents(refused={f"reservation:{orders[1]}"})

        asked = inquiry(dynamodb, shop, events).ask(now=QUIET)

        assert asked == Asked(asked=2, rejected=1)
        again = FakeEvents()
        inquiry(dynamodb, shop, again).ask(now=QUIET + 2 * PATIENCE)
        assert [(f.data.order_id, f.metadata.sequence) for f in questions(again)] == [
            (order, 2) for order in orders
        ]

    def test_a_bus_that_does_not_take_all_is_left_alone_for_now(self, shop: Shop, dynamodb: Any):
        shop.receive("opening", {"A": 2})
        first, second = sorted(("o1", "o2"), key=shard)
        assert shard(first) < shard(second)
        for order in (first, second):
            shop.reserve(order, {"A": 1})
        events = FakeEvents(refused={f"reservation:{first}"})

        asked = inquiry(dynamodb, shop, events).ask(now=QUIET)

        assert asked == Asked(asked=0, rejected=1)
        assert inquiry(dynamodb, shop, events).would_ask(now=QUIET) == [second]

    def test_a_bus_that_is_gone_fails_the_run(self, shop: Shop, dynamodb: Any, ask: Any):
        orders = leave(shop, 2)

        with pytest.raises(ConnectionError):
            inquiry(dynamodb, shop, FakeEvents(broken=True)).ask(now=QUIET)

        assert ask(QUIET + 2 * PATIENCE) == orders


class TestRun:
    @pytest.fixture
    def run(
        self, load_handler: Callable[..., Any], shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> Callable[..., tuple[Any, FakeEvents]]:
        def run(event: dict[str, Any]) -> tuple[Any, FakeEvents]:
            name, events = "lambdas.inventory.ask_about_reservations", FakeEvents()
            handler = load_handler(
                name,
                RESERVATIONS_TABLE=shop.reservations_table,
                EVENT_BUS="Orders",
                PATIENCE_SECONDS="3600",
            )
            monkeypatch.setattr(sys.modules[name].inquiry, "_bus", Bus("Orders", eventbridge=events))
            return handler(event, None), events

        return run

    def test_it_says_what_it_did(self, shop: Shop, run: Any, capsys: pytest.CaptureFixture[str]):
        leave(shop, 2)

        answer, events = run({"source": "aws.scheduler", "detail": "{}"})

        assert answer == {"asked": 2, "rejected": 0}
        assert len(events.taken) == 2
        assert json.loads(capsys.readouterr().out) == {
            "message": "reservations asked about",
            "asked": 2,
            "rejected": 0,
        }

    def test_a_dry_run_says_what_would_be_asked_and_changes_nothing(self, shop: Shop, run: Any):
        orders = leave(shop, 2)
        before = shop.reservations()

        for _ in range(2):
            answer, events = run({"dry_run": True})
            assert answer == {"would_ask": orders}
            assert events.requests == []

        assert shop.reservations() == before
        assert run({"dry_run": False})[0] == {"asked": 2, "rejected": 0}

    @pytest.mark.parametrize("value", ["true", 1, None])
    def test_a_dry_run_that_is_asked_for_wrongly_is_no_real_one(
        self, shop: Shop, run: Any, value: Any
    ):
        leave(shop, 1)
        before = shop.reservations()

        with pytest.raises(ContractError, match="dry_run must be a boolean"):
            run({"dry_run": value})

        assert shop.reservations() == before

    @pytest.mark.parametrize("missing", ["RESERVATIONS_TABLE", "EVENT_BUS", "PATIENCE_SECONDS"])
    def test_a_missing_setting_is_named(
        self, load_handler: Any, monkeypatch: pytest.MonkeyPatch, missing: str
    ):
        given = {"RESERVATIONS_TABLE": "t", "EVENT_BUS": "b", "PATIENCE_SECONDS": "1"}
        monkeypatch.delenv(missing, raising=False)

        with pytest.raises(SettingMissing, match=missing):
            load_handler(
                "lambdas.inventory.ask_about_reservations",
                **{name: value for name, value in given.items() if name != missing},
            )


LIVES = (
    ("reserve", "CONFIRMED", "DISPATCHED", "ship"),
    ("reserve", "CONFIRMED", "WITHDRAWN", "release", "CANCELLED"),
    ("reserve", "CONFIRMED"),
    ("reserve", "release", "REJECTED"),
    # Its compensation was parked, or is late.
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

    def __init__(self, shop: Shop, life: tuple[str, ...], ask: Any, settle: Any) -> None:
        self.shop, self.left = shop, list(life)
        self.ask_, self.settle = ask, settle
        self.state, self.now, self.undone = "PLACED", QUIET, False
        self.questions = 0
        self.news: list[dict[str, Any]] = []
        shop.receive("opening", {"A": 3})

    def saga(self) -> None:
        if not self.left:
            return
        step = self.left.pop(0)
        if step == "reserve":
            self.shop.reserve("o1", {"A": 1}, now=NOW)
        elif step == "release":
            self.undone = True
            self.shop.release("o1")
        elif step == "ship":
            self.shop.ship("o1")
        else:
            self.state = step
            if step == "CONFIRMED":
                self.news.append(confirmed("o1"))

    def ask(self) -> None:
        self.questions += len(self.ask_(self.now))
        self.now += 2 * PATIENCE

    def look_up(self) -> None:
        if self.questions:
            self.news.append(state_of("o1", self.state))

    def hear_first(self) -> None:
        if self.news:
            self.settle(self.news.pop(0))

    def hear_last(self) -> None:
        """It stays, to be heard again."""
        if self.news:
            self.settle(self.news[-1])

    def lose(self) -> None:
        if self.news:
            self.news.pop()

    def check(self) -> None:
        row = self.shop.reservations().get("o1", {})
        held = row.get("state") == "RESERVED"
        assert self.shop.stock() in ([{"A": (2, 1)}] if held else [{"A": (3, 0)}, {"A": (2, 0)}])
        if row and self.state not in OVER and not self.undone:
            assert row["state"] in ("RESERVED", "SHIPPED")


@settings(max_examples=80)
@given(
    life=st.sampled_from(LIVES),
    does=st.lists(
        st.sampled_from(["saga", "saga", "ask", "look_up", "hear_first", "hear_last", "lose"]),
        max_size=16,
    ),
)
def test_nothing_is_released_that_an_order_needs_and_nothing_is_left_of_one_that_is_over(
    dynamodb: Any, make_table: Callable[..., str], life: tuple[str, ...], does: list[str]
):
    shop = Shop(dynamodb, make_table)
    table = Unsettled(shop.reservations_table, dynamodb=dynamodb)

    def ask(now: datetime) -> list[str]:
        events = FakeEvents()
        Inquiry(table, Bus("Orders", eventbridge=events), patience=PATIENCE).ask(now=now)
        return [fact.data.order_id for fact in questions(events)]

    def settle(event: dict[str, Any]) -> None:
        follow(parse_order_status(event), reservations=shop.desk, unsettled=table, now=LATER)

    world = World(shop, life, ask, settle)
    for name in does:
        getattr(world, name)()
        world.check()
    while world.left:
        world.saga()
        world.check()
    for _ in range(2):
        world.ask()
        world.look_up()
        while world.news:
            world.hear_first()
            world.check()

    row = shop.reservations()["o1"]
    if world.state in OVER:
        assert row["state"] == "RELEASED"
    elif world.state == "DISPATCHED":
        assert row["state"] == "SHIPPED"
    else:
        assert row["state"] == "RESERVED"
        assert ("unsettled" in row) is (world.state == "PLACED")

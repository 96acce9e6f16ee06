"""What bounds a run of the scan for duplicates, and what it does with orders that change in it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from lambdas.contracts.order_states import OrderState
from lambdas.orders import duplicate_scan
from lambdas.orders.checkpoint import Checkpoint, Progress
from lambdas.orders.dedup_key import PERIOD
from lambdas.orders.domain import Order
from lambdas.orders.duplicate_scan import GIVE_UP_AFTER, DuplicateScan
from lambdas.orders.scans import OrderScans
from tests.support.doubles import ClientDouble
from tests.support.duplicates import NOON, after
from tests.support.order_requests import placed

LATER = NOON + timedelta(hours=2)


def pair(at: datetime, first: OrderState = OrderState.CONFIRMED) -> list[Order]:
    """Return an order in this state, and a confirmed one a second later that looks the same."""
    second = at + timedelta(seconds=1)
    return [
        replace(placed(key=f"{at} 1"), placed_at=at.isoformat(), state=first),
        replace(placed(key=f"{at} 2"), placed_at=second.isoformat(), state=OrderState.CONFIRMED),
    ]


class Pairs(OrderScans):
    """A table with pairs of orders by the period in which they were placed; it notes searches."""

    def __init__(self, *pairs: list[Order]) -> None:
        super().__init__("orders", dynamodb=ClientDouble())
        self.pairs = {datetime.fromisoformat(pair[0].placed_at): pair for pair in pairs}
        self.searched: list[datetime] = []

    def duplicate_candidates(self, periods: Sequence[datetime]) -> Iterator[list[Order]]:
        self.searched.append(periods[-1])
        if periods[-1] in self.pairs:
            yield list(self.pairs[periods[-1]])

    def find(self, order_id: str, *, customer_id: str | None = None) -> Order | None:
        del customer_id
        kept = (order for pair in self.pairs.values() for order in pair)
        return next((order for order in kept if order.order_id == order_id), None)

    def replace(self, before: Order, after: Order) -> bool:
        del before, after
        return True


class Noted(Checkpoint):
    """A checkpoint that notes what is written."""

    def __init__(self, progress: Progress) -> None:
        super().__init__("checkpoints", job="resolve_duplicates", dynamodb=ClientDouble())
        self.progress = progress
        self.written: list[Progress] = []

    def read(self) -> Progress:
        return self.progress

    def write(self, progress: Progress, *, before: Progress | None) -> None:
        assert before == self.progress
        self.progress = progress
        self.written.append(progress)


def run(orders: OrderScans, progress: Checkpoint, now: datetime) -> dict[str, Any]:
    policy, within = "hold", timedelta(seconds=10)
    return DuplicateScan(
        orders, progress, policy=policy, within=within, now=now, dry_run=False
    ).run()


def test_full_run_searches_no_further_period(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(duplicate_scan, "MAX_ORDERS", 2)
    orders = Pairs(pair(NOON))

    run(orders, Noted(Progress(done_until=NOON)), LATER)

    assert orders.searched == [NOON]


def test_run_that_comes_no_further_writes_nothing():
    progress = Noted(Progress(done_until=NOON))

    run(Pairs(), progress, after(1))
    assert progress.written == []

    run(Pairs(), progress, after(6))
    assert progress.written == [Progress(done_until=after(5))]


@pytest.mark.parametrize(("early", "left"), [(timedelta(seconds=1), 1), (timedelta(), 0)])
def test_period_with_open_orders_is_given_up_when_its_time_is_over(early: timedelta, left: int):
    now = NOON + PERIOD + GIVE_UP_AFTER - early
    progress = Noted(Progress(done_until=now, unresolved=(NOON,)))

    assert run(Pairs(pair(NOON, OrderState.PLACED)), progress, now)["unresolved_periods"] == left


def test_periods_that_were_set_aside_take_half_of_a_run(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(duplicate_scan, "MAX_ORDERS", 5)
    first, second, third = (NOON + PERIOD * i for i in range(3))
    progress = Noted(Progress(done_until=LATER, unresolved=(first, second, third)))

    run(Pairs(pair(first), pair(second), pair(third)), progress, LATER)

    assert progress.progress.unresolved == (third,)


@pytest.mark.parametrize(
    "change",
    [
        lambda _: None,
        lambda order: replace(order, duplicate_of="another"),
        lambda order: replace(order, state=OrderState.WITHDRAWN),
    ],
    ids=["deleted", "duplicate", "withdrawn"],
)
def test_order_whose_original_changed_during_the_run_is_undecided(
    change: Callable[[Order], Order | None], monkeypatch: pytest.MonkeyPatch
):
    orders = Pairs(pair(NOON))
    changed = change(orders.pairs[NOON][0])
    monkeypatch.setattr(orders, "find", lambda _: changed)

    report = run(orders, Noted(Progress(done_until=NOON)), after(1))

    assert (report["undecided"], report["held"]) == (1, 0)

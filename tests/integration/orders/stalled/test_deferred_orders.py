"""Deferred and ever-failing orders are resumed when due, counted, and shown to a person."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from lambdas.contracts.order_states import OrderState
from lambdas.contracts.orders_table import CONFIRMED_SHARD
from lambdas.contracts.times import format_time
from lambdas.orders import scans, stalled_orders
from lambdas.orders.admission import Backlog
from lambdas.orders.backlog import BacklogStore
from lambdas.orders.domain import NO_LONGER_OPEN, Order
from tests.support.order_jobs import Job, Killed, World
from tests.support.stalled_orders import (
    DISPATCH_WITHIN,
    NOW,
    OLD,
    deferred,
    fake_bus,
    order_ids,
    report,
    run,
)


def test_claims_of_an_ever_failing_saga_are_bounded(
    job: Job, world: World, monkeypatch: pytest.MonkeyPatch
):
    """The first claims are kept, and the last, which is the row's owner until the next."""
    monkeypatch.setattr(stalled_orders, "MAX_CLAIMS", 5)
    order = world.placed("failing", OLD, claimed_by={"first"})
    fake_bus(job)
    for number in range(15):
        me, row = f"execution-{number}", world.row(order)
        claims = {*(row.claimed_by or ()), me}
        claim: dict[str, Any] = {"claim_owner": me, "claim_until": 1, "claimed_by": claims}
        world.keep(replace(row, **claim, check_after="2000-01-01T00:00:00Z"))
        job.run()

    row = world.row(order)
    assert row.claimed_by == {"first", *(f"execution-{i}" for i in range(4))}
    assert row.claim_owner == me


def test_deferred_orders_are_resumed_when_due(job: Job, world: World):
    due = deferred(world, "due", due=NOW - timedelta(seconds=1))
    deferred(world, "not due", due=NOW + timedelta(minutes=1))
    events = fake_bus(job)

    assert run(job) == report(checked=1, published=1)

    assert order_ids(events) == [due.order_id]


def test_run_waits_for_orders_that_are_due_before_its_end(job: Job, world: World):
    waits = [deferred(world, f"in {n} s", due=NOW + timedelta(seconds=n)) for n in (12, 21, 56)]
    events, looks = fake_bus(job), list[float]()

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        # The clock of the test stands still, so each look is its time since the run's beginning.
        if seconds == 20:
            # Deferred while the run waits, too late for it.
            deferred(world, "at the end", due=NOW + timedelta(seconds=55))

    job.set(sleep=sleep)
    assert run(job) == report(checked=2, published=2)
    assert order_ids(events) == [order.order_id for order in waits[:2]]
    assert [look for look in looks if look >= 1] == [5, 10, 15, 20, 25, 30, 35, 40, 45, 50]


def test_run_waits_for_no_order_while_none_is_deferred(job: Job, world: World):
    world.placed("lost", OLD, check_after=(NOW + timedelta(seconds=10)).isoformat())
    looks: list[float] = []
    job.set(sleep=looks.append)
    fake_bus(job)
    assert (run(job), max(looks)) == (report(), 0)


def test_open_and_deferred_orders_are_counted(
    job: Job,
    world: World,
    dynamodb: Any,
    checkpoints: str,
    capsys: pytest.CaptureFixture[str],
):
    deferred(world, "deferred", due=NOW + timedelta(seconds=1))
    world.placed("new", NOW)
    confirmed = world.placed("confirmed", OLD, state=OrderState.CONFIRMED, sequence=2)
    world.keep(replace(confirmed, open_shard=f"{CONFIRMED_SHARD}{confirmed.open_shard}"))
    fake_bus(job)

    job.run(dry_run=True)
    backlog = BacklogStore(checkpoints, dynamodb=dynamodb)
    assert backlog.read() is None
    capsys.readouterr()
    job.run()

    assert backlog.read() == Backlog(orders=2, counted_at=NOW)
    metrics = json.loads(capsys.readouterr().out.splitlines()[0])
    names = ("Environment", "OpenOrders", "DeferredOrders")
    assert [metrics[name] for name in names] == ["test", 2, 1]
    (described,) = metrics["_aws"]["CloudWatchMetrics"]
    assert described == {
        "Namespace": "Orders",
        "Dimensions": [["Environment"]],
        "Metrics": [{"Name": name, "Unit": "Count"} for name in names[1:]],
    }


def test_orders_are_counted_by_a_run_that_is_then_killed(
    job: Job, world: World, dynamodb: Any, checkpoints: str
):
    world.placed("stalled", OLD)
    job.set(orders=world.killed_at("get_item", 1))
    fake_bus(job)

    with pytest.raises(Killed):
        job.run()

    assert BacklogStore(checkpoints, dynamodb=dynamodb).read() == Backlog(orders=1, counted_at=NOW)


def test_person_is_called_once_for_an_order_that_keeps_failing(job: Job, world: World):
    failing = {"deferred_error": "KeyError", "deferrals": stalled_orders.MAX_FAILURES}
    order = deferred(world, "failing", due=NOW - timedelta(seconds=1), **failing)
    events = fake_bus(job)

    assert run(job, dry_run=True) == run(job) == report(checked=1, attention=1)
    called = world.row(order)
    assert (called.attention_requested_at, called.sequence) == (format_time(NOW), 2)

    assert run(job) == report(checked=1, published=1)
    assert order_ids(events) == [order.order_id]
    # It is the event that starts the saga, not the one that calls the person.
    assert json.loads(events.taken[0]["Detail"])["metadata"]["sequence"] == 1


def confirm(order: Order, now: datetime) -> Order:
    """The order as the saga confirms it."""
    check_after = format_time(now + DISPATCH_WITHIN)
    return replace(
        replace(order, **NO_LONGER_OPEN),
        state=OrderState.CONFIRMED,
        open_shard=f"{CONFIRMED_SHARD}{order.order_id[0]}",
        check_after=check_after,
    )


def end(order: Order, now: datetime) -> Order:
    """The order as it is dispatched."""
    return replace(
        replace(order, **NO_LONGER_OPEN),
        state=OrderState.DISPATCHED,
        changed_at=format_time(now),
        closed_shard=order.order_id[0],
    )


class TestPace:
    """How many a run resumes, when many are due."""

    @pytest.fixture
    def backlog(self, job: Job, world: World, monkeypatch: pytest.MonkeyPatch) -> list[Order]:
        monkeypatch.setattr(scans, "PAGE_SIZE", 1)
        job.set(AT_FIRST=2)
        fake_bus(job)
        due = NOW - timedelta(seconds=1)
        return [deferred(world, f"{n}", due=due) for n in range(30)]

    @pytest.mark.parametrize("ended", [True, False])
    def test_it_grows_while_what_was_resumed_goes_on(
        self, job: Job, world: World, backlog: list[Order], ended: bool
    ):
        job.set(AT_FIRST=8)
        published = []
        for minute in range(3):
            now = NOW + minute * timedelta(minutes=1)
            job.at(now)
            published.append(job.run()["published"])
            for order in world.rows().values():
                if order.deferred_shard and order.check_after != backlog[0].check_after:
                    world.keep(end(order, now) if ended else confirm(order, now))

        assert published == [8, 10, 12]

    def test_it_is_more_than_what_goes_on_while_new_orders_are_deferred(
        self, job: Job, world: World, backlog: list[Order]
    ):
        for n in range(8):
            order = world.placed(f"new {n}", NOW)
            world.keep(confirm(order, NOW - timedelta(seconds=30)))
        world.keep(end(world.placed("long ago", OLD), OLD))

        assert job.run()["published"] == 10

    def test_run_spreads_its_orders_over_its_time(self, job: Job, backlog: list[Order]):
        pauses: list[float] = []
        job.set(AT_FIRST=5, RUN_FOR=timedelta(seconds=50), sleep=pauses.append)
        job.run()
        # The clock of the test stands still, so each pause is the time since the run's beginning.
        assert pauses == [10, 20, 30, 40, 50]

    def test_dry_run_does_not_wait(self, job: Job, backlog: list[Order]):
        pauses: list[float] = []
        job.set(sleep=pauses.append)
        job.run(dry_run=True)
        assert pauses == []

    def test_it_stays_low_while_what_was_resumed_is_deferred_again(
        self, job: Job, backlog: list[Order]
    ):
        assert [job.run()["published"] for _ in range(3)] == [2, 2, 2]

    def test_dry_run_does_not_change_it(self, job: Job, backlog: list[Order]):
        assert [job.run(dry_run=True)["published"] for _ in range(3)] == [2, 2, 2]

    def test_runs_share_the_orders_and_one_counts_them(
        self, job: Job, world: World, backlog: list[Order]
    ):
        job.set(AT_FIRST=16 * len(backlog), RUNS=3)
        first, *others = [job.run(run=number) for number in range(3)]

        assert sum(report["published"] for report in (first, *others)) == len(backlog)
        assert all(report["published"] for report in (first, *others))
        assert (first["open"], [*map(len, others)]) == (len(backlog), [4, 4])

    def test_run_takes_no_page_up_when_its_time_is_over(self, job: Job, backlog: list[Order]):
        job.set(AT_FIRST=30, RUN_FOR=timedelta(0))

        assert job.run()["published"] == 1

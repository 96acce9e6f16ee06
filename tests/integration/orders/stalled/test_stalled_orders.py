"""Which orders' events are published again, and when."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from lambdas.contracts.order_states import OrderState
from lambdas.contracts.orders_table import CONFIRMED_SHARD
from lambdas.contracts.times import format_time
from lambdas.orders import scans
from lambdas.orders.cancellation import cancel
from lambdas.orders.domain import STALLED_AFTER, Hold, HoldState
from lambdas.orders.events import event_for_change
from tests.support.order_jobs import Job, World
from tests.support.stalled_orders import (
    DISPATCH_WITHIN,
    LATER,
    NOW,
    OLD,
    claim,
    fake_bus,
    of_one_shard,
    order_ids,
    report,
    run,
)


def test_stalled_orders_events_are_published_as_the_first_time(job: Job, world: World):
    unclaimed = world.placed("unclaimed", OLD)
    expired = world.placed("expired", OLD, **claim(seconds=-1))
    confirmed = world.placed("withdrawn", OLD, state=OrderState.CONFIRMED, sequence=2)
    withdrawn = world.keep(cancel(confirmed, now=OLD.isoformat()))
    first = [
        event_for_change(None, unclaimed),
        event_for_change(None, replace(expired, claim_owner=None, claim_until=None)),
        event_for_change(confirmed, withdrawn),
    ]
    events = fake_bus(job)

    assert run(job) == report(checked=3, published=3)

    def by_id(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return sorted(entries, key=lambda entry: str(entry["Detail"]))

    assert by_id(events.taken) == by_id(
        [event.to_put_events_entry("Orders") for event in first if event]
    )


def test_other_orders_are_unchanged(job: Job, world: World):
    live = claim(seconds=60)
    claimed = world.placed("claimed", OLD, **live)
    undoing = world.placed("undoing", OLD, state=OrderState.WITHDRAWN, sequence=3, **live)
    closed: dict[str, Any] = {"open_shard": None, "check_after": None}
    for number, state in enumerate(
        (OrderState.CONFIRMED, OrderState.DISPATCHED, OrderState.REJECTED, OrderState.CANCELLED)
    ):
        world.placed(f"{number}", OLD, state=state, sequence=2, **closed)
    world.placed(
        "failed",
        OLD,
        state=OrderState.REJECTED,
        sequence=3,
        failed_compensations=("RefundPayment",),
        **closed,
    )
    world.placed("new", NOW - timedelta(seconds=1))
    before = world.rows()
    events = fake_bus(job)

    assert run(job) == report(checked=2, published=0)

    assert events.requests == []
    # They are checked again when their claims expire.
    then = format_time(NOW + timedelta(seconds=61))
    moved = {order.order_id: replace(order, check_after=then) for order in (claimed, undoing)}
    assert world.rows() == before | moved


def test_stalled_order_is_republished_after_each_interval(job: Job, world: World):
    order = world.placed("forgotten", OLD)
    events = fake_bus(job)

    for now, published in ((NOW, 1), (NOW + STALLED_AFTER, 0), (LATER, 1)):
        job.at(now)
        assert job.run()["published"] == published

    assert order_ids(events) == [order.order_id] * 2


def test_claimed_order_is_republished_once_its_claim_expired(job: Job, world: World):
    order = world.placed("dying", OLD, **claim(seconds=60))
    events = fake_bus(job)

    for seconds, published in ((0, 0), (59, 0), (62, 1)):
        job.at(NOW + timedelta(seconds=seconds))
        assert job.run()["published"] == published

    assert order_ids(events) == [order.order_id]


def test_claimed_orders_hide_no_stalled_one(job: Job, world: World):
    of_one_shard(world, 3 * scans.PAGE_SIZE, **claim(seconds=600))
    (hidden,) = of_one_shard(world, 1, first=3 * scans.PAGE_SIZE)
    events = fake_bus(job)

    assert run(job) == report(checked=3 * scans.PAGE_SIZE + 1, published=1)
    assert order_ids(events) == [hidden.order_id]
    assert run(job) == report(checked=0, published=0)


def test_confirmed_order_that_is_not_dispatched_in_time_is_published_again(job: Job, world: World):
    late = world.placed(
        "late",
        OLD,
        state=OrderState.CONFIRMED,
        sequence=2,
        order_id=f"a{0:031x}",
        open_shard=f"{CONFIRMED_SHARD}a",
    )
    hold = {"cause": "c", "reason": "R", "explanation": "x", "at": OLD.isoformat()}
    world.placed(
        "held",
        OLD,
        state=OrderState.CONFIRMED,
        sequence=3,
        holds=(Hold(state=HoldState.HELD, **hold),),
    )
    events = fake_bus(job)

    assert run(job) == report(checked=2, published=1)
    assert run(job) == report()

    assert order_ids(events) == [late.order_id]
    assert events.taken[0]["DetailType"] == "OrderConfirmed"
    then = format_time(NOW + DISPATCH_WITHIN)
    assert {order.check_after for order in world.rows().values()} == {then}

    job.at(NOW + 2 * DISPATCH_WITHIN + timedelta(seconds=1))
    assert run(job) == report(checked=2, attention=1)
    assert run(job) == report(checked=1, published=1)

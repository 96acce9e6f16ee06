"""Runs are bounded, and lose nothing when they are killed, concurrent or disturbed."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from lambdas.contracts.bounds import MAX_INTEGER
from lambdas.contracts.order_states import OrderState
from lambdas.contracts.times import format_time
from lambdas.orders import scans
from lambdas.orders.domain import STALLED_AFTER
from lambdas.orders.rows import row_of
from lambdas.orders.scans import UnreadableError
from lambdas.orders.stalled_orders import ATTENTION_AFTER
from lambdas.runtime.dynamodb import to_item
from tests.support.order_jobs import Job, Killed, World
from tests.support.spy import Spy
from tests.support.stalled_orders import (
    NOW,
    OLD,
    claim,
    fake_bus,
    of_one_shard,
    order_ids,
    report,
    run,
)

LONG_AGO = format_time(NOW - ATTENTION_AFTER)


def test_run_is_bounded_and_the_next_continues(
    job: Job, world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(scans, "PAGE_SIZE", 4)
    job.set(AT_FIRST=8)
    kept = [order.order_id for order in of_one_shard(world, 19)]
    events = fake_bus(job)

    assert [job.run()["published"] for _ in range(4)] == [8, 8, 3, 0]
    assert order_ids(events) == kept


def test_dry_run_reports_the_same_and_changes_nothing(job: Job, world: World):
    of_one_shard(world, 3)
    of_one_shard(world, 2, first=3, **claim(seconds=60))
    before = world.rows()
    events = fake_bus(job)

    said = job.run(dry_run=True)

    assert (events.requests, world.rows()) == ([], before)
    assert job.run() == said
    assert said == report(checked=5, published=3) | {"open": 5, "deferred": 0}


def test_rejected_event_is_reported_and_published_by_the_next_run(
    job: Job, world: World, capsys: pytest.CaptureFixture[str]
):
    orders = of_one_shard(world, 3)
    fake_bus(job, refused={orders[1].order_id})

    assert run(job) == report(checked=3, published=2, rejected=1)
    _, logged = capsys.readouterr().out.splitlines()
    assert json.loads(logged) == {
        "message": "stalled_orders_republished",
        "level": "INFO",
        "dry_run": False,
        **report(checked=3, published=2, rejected=1),
        **{"open": 3, "deferred": 0},
    }

    later = fake_bus(job)
    assert run(job) == report(checked=1, published=1)
    assert order_ids(later) == [orders[1].order_id]


@pytest.mark.parametrize(("operation", "number"), [("put_item", 3), ("get_item", 7), ("query", 34)])
def test_next_run_finishes_the_work_of_a_killed_run(
    job: Job, world: World, monkeypatch: pytest.MonkeyPatch, operation: str, number: int
):
    monkeypatch.setattr(scans, "PAGE_SIZE", 4)
    kept = [order.order_id for order in of_one_shard(world, 10)]
    events = fake_bus(job)
    job.set(orders=world.killed_at(operation, number))
    with pytest.raises(Killed):
        job.run()

    job.set(orders=world.orders())
    job.run()

    # At most one page of orders was published but not rescheduled.
    published = order_ids(events)
    assert sorted(set(published)) == kept
    assert len(published) - len(kept) <= 4
    assert {order.check_after for order in world.rows().values()} == {
        format_time(NOW + STALLED_AFTER)
    }


def test_concurrent_runs_do_no_harm(job: Job, world: World):
    kept = [order.order_id for order in of_one_shard(world, 60)]
    events = fake_bus(job)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: job.run(), range(2)))

    assert sorted(set(order_ids(events))) == kept
    assert len({entry["Detail"] for entry in events.taken}) == len(kept)
    assert {order.check_after for order in world.rows().values()} == {
        format_time(NOW + STALLED_AFTER)
    }


def test_order_that_ends_during_a_run_is_unchanged(job: Job, world: World):
    order = world.placed("unclaimed", OLD)
    closed = replace(
        order, state=OrderState.CONFIRMED, sequence=2, open_shard=None, check_after=None
    )
    fake_bus(job)

    def before(operation: str) -> None:
        if operation == "put_item":
            world.keep(closed)

    job.set(orders=scans.OrderScans(world.table, dynamodb=Spy(world.dynamodb, before)))
    job.run()

    assert world.row(order) == closed


def test_row_wins_over_a_lagging_index(job: Job, world: World):
    """The index is a moment late: it may still name an order that has ended, or is gone."""
    order, gone = of_one_shard(world, 2)
    closed = replace(order, state=OrderState.CANCELLED, open_shard=None, check_after=None)

    def before(operation: str) -> None:
        if operation == "get_item":
            world.keep(closed)
            world.dynamodb.delete_item(
                TableName=world.table, Key={"order_id": {"S": gone.order_id}}
            )

    job.set(orders=scans.OrderScans(world.table, dynamodb=Spy(world.dynamodb, before)))
    events = fake_bus(job)

    assert run(job) == report(checked=1, published=0)
    assert (events.requests, world.rows()) == ([], {order.order_id: closed})


def test_idle_run_queries_each_shard_of_each_index_once(job: Job, world: World):
    made: list[str] = []
    job.set(orders=scans.OrderScans(world.table, dynamodb=Spy(world.dynamodb, made.append)))
    fake_bus(job)

    job.run()

    counted, searched = ("open", "deferred"), ("open", "confirmed")
    assert made == ["query"] * len(scans.SHARDS) * len(counted + searched)


@pytest.mark.parametrize(
    "damage",
    [
        {"lines": []},
        {"changed_at": "2026-12-01"},
        {"changed_at": "0001-01-01T00:00:00+14:00"},
        {"currency": ""},
        {"out_of_band_events": 1},
        {"out_of_band_events": -1},
    ],
    ids=str,
)
def test_row_with_a_value_that_no_order_has_does_not_stop_the_others(
    job: Job, world: World, damage: dict[str, Any]
):
    """Such an order could be read, and neither compared with the clock nor written again."""
    bad, other = of_one_shard(world, 2)
    world.dynamodb.put_item(TableName=world.table, Item=to_item(row_of(bad) | damage))
    events = fake_bus(job)

    with pytest.raises(UnreadableError, match=bad.order_id):
        job.run()

    assert order_ids(events) == [other.order_id]


def test_unreadable_row_does_not_stop_the_others(job: Job, world: World):
    bad, other = of_one_shard(world, 2)
    world.garble(bad)
    events = fake_bus(job)

    with pytest.raises(UnreadableError, match=bad.order_id):
        job.run()

    assert order_ids(events) == [other.order_id]


def test_many_unreadable_rows_of_some_shards_do_not_stop_the_other_shards(job: Job, world: World):
    """They stay due, before all others of their shards."""
    for bad in of_one_shard(world, 3):
        world.garble(bad)
    other = world.placed("other", OLD, order_id=f"b{'0' * 31}", open_shard="b")
    job.set(AT_FIRST=1)
    events = fake_bus(job)

    with pytest.raises(UnreadableError, match="3 rows"):
        job.run()

    assert order_ids(events) == [other.order_id]


@pytest.mark.parametrize(
    "edited", [{"claim_until": MAX_INTEGER}, {"sequence": MAX_INTEGER, "changed_at": LONG_AGO}]
)
def test_number_that_fits_no_row_any_more_does_not_stop_the_others(
    job: Job, world: World, edited: dict[str, Any]
):
    bad, other = of_one_shard(world, 2)
    world.keep(replace(bad, **edited))
    events = fake_bus(job)

    with pytest.raises(UnreadableError, match=bad.order_id):
        job.run()

    assert order_ids(events) == [other.order_id]

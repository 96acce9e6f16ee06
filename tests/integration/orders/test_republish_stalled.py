"""The job that publishes stalled orders' events again, on DynamoDB."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.contracts.orders import OrderState
from lambdas.contracts.orders_table import CONFIRMED_SHARD
from lambdas.contracts.times import format_time
from lambdas.orders import scans, stalled_orders
from lambdas.orders.admission import Backlog
from lambdas.orders.backlog import BacklogStore
from lambdas.orders.cancellation import cancel
from lambdas.orders.domain import STALLED_AFTER, Hold, HoldState, Order
from lambdas.orders.events import event_for_change
from lambdas.orders.scans import UnreadableError
from lambdas.runtime.bus import Bus
from tests.support.aws_fakes import FakeEvents
from tests.support.order_jobs import Job, Killed, World
from tests.support.spy import Spy

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
OLD = NOW - STALLED_AFTER - timedelta(seconds=5)
DISPATCH_WITHIN = timedelta(hours=12)
LATER = NOW + STALLED_AFTER + timedelta(seconds=1)


@pytest.fixture
def world(dynamodb: Any, table: str) -> World:
    return World(dynamodb, table)


@pytest.fixture
def checkpoints(make_table: Callable[..., str]) -> str:
    return make_table("checkpoints", "job")


@pytest.fixture
def job(
    load_handler: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    table: str,
    checkpoints: str,
) -> Job:
    job = Job(
        load_handler,
        monkeypatch,
        "republish_stalled",
        ORDERS_TABLE=table,
        CHECKPOINTS_TABLE=checkpoints,
        EVENT_BUS="Orders",
        ENVIRONMENT="test",
        DISPATCH_WITHIN_SECONDS=str(DISPATCH_WITHIN // timedelta(seconds=1)),
        RESUMED_PER_MINUTE="2000",
    )
    job.at(NOW)
    return job


def fake_bus(job: Job, **faults: Any) -> FakeEvents:
    """Give the job a bus that records its entries."""
    events = FakeEvents(**faults)
    job.set(bus=Bus("Orders", eventbridge=events))
    return events


def report(**counts: int) -> dict[str, int]:
    """What a run reports, but for the counts of orders."""
    return {"checked": 0, "published": 0, "rejected": 0, "attention": 0} | counts


def run(job: Job, *, dry_run: bool = False) -> dict[str, int]:
    """Run the job; return its report without the counts of orders."""
    counts = ("open", "deferred")
    said = job.run(dry_run=dry_run)
    return {name: count for name, count in said.items() if name not in counts}


def deferred(world: World, key: str, *, due: datetime, **changes: Any) -> Order:
    """An order that a saga deferred."""
    columns: dict[str, Any] = {
        "deferred_step": "TakePayment",
        "deferred_error": "States.Timeout",
    }
    order = world.placed(key, OLD, claimed_by={"execution"}, deferrals=1, **columns)
    return world.keep(
        replace(
            order,
            check_after=due.isoformat(),
            deferred_shard=order.open_shard,
            deferred_since=OLD.isoformat(),
            **changes,
        )
    )


def claim(*, seconds: int) -> dict[str, Any]:
    """A claim that expires after that many seconds."""
    return {"claim_owner": "execution", "claim_until": int(NOW.timestamp()) + seconds}


def order_ids(events: FakeEvents) -> list[str]:
    """The orders of the published events."""
    return [json.loads(entry["Detail"])["data"]["order_id"] for entry in events.taken]


def of_one_shard(world: World, number: int, *, first: int = 0, **changes: Any) -> list[Order]:
    """Orders of one shard, oldest first."""
    return [
        world.placed(
            str(i),
            OLD,
            order_id=f"a{i:031x}",
            open_shard="a",
            check_after=(OLD + timedelta(milliseconds=i)).isoformat(),
            **changes,
        )
        for i in range(first, first + number)
    ]


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


def test_run_is_bounded_and_the_next_continues(
    job: Job, world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(scans, "PAGE_SIZE", 4)
    job.set(MAX_ORDERS=8)
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


def test_unreadable_row_does_not_stop_the_others(job: Job, world: World):
    bad, other = of_one_shard(world, 2)
    world.garble(bad)
    events = fake_bus(job)

    with pytest.raises(UnreadableError, match=bad.order_id):
        job.run()

    assert order_ids(events) == [other.order_id]


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
        world.keep(
            replace(row, claim_owner=me, claim_until=1, claimed_by=claims, check_after="2000")
        )
        job.run()

    row = world.row(order)
    assert row.claimed_by == {"first", *(f"execution-{i}" for i in range(4))}
    assert row.claim_owner == me


def test_deferred_orders_are_resumed_when_due(job: Job, world: World):
    due = deferred(world, "due", due=NOW - timedelta(seconds=1))
    deferred(world, "not due", due=NOW + timedelta(seconds=1))
    events = fake_bus(job)

    assert run(job) == report(checked=1, published=1)

    assert order_ids(events) == [due.order_id]


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

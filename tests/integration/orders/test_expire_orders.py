"""The job that deletes expired orders, on DynamoDB."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.contracts.customer_limits import CustomerLimits
from lambdas.contracts.order_states import OrderState
from lambdas.contracts.times import format_time
from lambdas.orders import scans
from lambdas.orders.cancellation import cancel
from lambdas.orders.customer_orders import CustomerOrders
from lambdas.orders.domain import KeyReusedError, Order, dispatch
from lambdas.orders.order_request import parse_order_request
from lambdas.orders.scans import UnreadableError
from tests.support.order_jobs import Job, Killed, World
from tests.support.order_requests import BODY, line
from tests.support.spy import Spy

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
BEFORE = NOW - timedelta(days=30)
OLD, YOUNG = BEFORE - timedelta(seconds=1), BEFORE + timedelta(seconds=1)


@pytest.fixture
def job(load_handler: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, table: str) -> Job:
    settings = {"ORDERS_TABLE": table, "RETENTION_DAYS": "30", "EXPIRING_RUNS": "4"}
    job = Job(load_handler, monkeypatch, "expire_orders", **settings)
    job.at(NOW)
    return job


def closed_order(world: World, key: str, at: datetime, state: OrderState, **changes: Any) -> Order:
    """An order that was closed at that time, as the saga writes it."""
    done = {
        "state": state,
        "sequence": 2,
        "open_shard": None,
        "check_after": None,
        "closed_shard": "a",
    }
    return world.placed(key, at, **{**done, **changes})


def report(checked: int, expired: int) -> dict[str, Any]:
    return {"before": format_time(BEFORE), "checked": checked, "expired": expired}


def test_only_orders_past_their_retention_are_deleted(job: Job, world: World):
    for state in (OrderState.REJECTED, OrderState.CANCELLED, OrderState.DISPATCHED):
        closed_order(world, f"old {state}", OLD, state)
    confirmed = world.placed("old", OLD, state=OrderState.CONFIRMED, sequence=2, open_shard=None)
    world.keep(dispatch(replace(confirmed, order_id="e" * 32), now=OLD.isoformat()))
    both = ("RefundPayment", "ReleaseStock")
    closed_order(
        world,
        "failed and repaired",
        OLD,
        OrderState.REJECTED,
        failed_compensations=both,
        completed_compensations=both,
    )
    placed = world.placed("old and placed", OLD)
    world.keep(cancel(replace(placed, order_id="c" * 32), now=OLD.isoformat()))
    stay = [
        confirmed,
        placed,
        world.placed("old and withdrawn", OLD, state=OrderState.WITHDRAWN, sequence=3),
        world.placed("old and claimed", OLD, claim_owner="execution", claim_until=1),
        closed_order(
            world, "failed", OLD, OrderState.REJECTED, failed_compensations=("RefundPayment",)
        ),
        closed_order(
            world,
            "failed too",
            OLD,
            OrderState.CANCELLED,
            failed_compensations=both,
            completed_compensations=both[:1],
        ),
        *(
            closed_order(world, f"young {s}", YOUNG, s)
            for s in (OrderState.REJECTED, OrderState.CANCELLED, OrderState.DISPATCHED)
        ),
        closed_order(
            world, "old, and over lately", OLD, OrderState.DISPATCHED, changed_at=YOUNG.isoformat()
        ),
    ]

    assert job.run() == report(checked=8, expired=6)
    assert world.rows() == {order.order_id: order for order in stay}
    assert job.run() == report(checked=2, expired=0)


def test_run_is_bounded_and_the_next_continues(
    job: Job, world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(scans, "PAGE_SIZE", 4)
    job.set(MAX_ORDERS=8)
    for number in range(19):
        closed_order(world, f"{number}", OLD, OrderState.DISPATCHED)

    done = [job.run()["expired"] for _ in range(4)]

    assert done == [8, 8, 3, 0]


def test_runs_share_the_orders(job: Job, world: World):
    """One run deletes eleven orders a second; a thousand a second may be placed."""
    for shard in "0123456789abcdef":
        closed_order(world, shard, OLD, OrderState.DISPATCHED, closed_shard=shard)

    assert [job.run(run=n)["expired"] for n in (0, 1, 2, 3, 0)] == [4, 4, 4, 4, 0]
    assert world.rows() == {}


def test_ids_of_deleted_orders_are_logged(
    job: Job, world: World, capsys: pytest.CaptureFixture[str]
):
    order = closed_order(world, "old", OLD, OrderState.DISPATCHED)

    job.run()

    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert logged == [
        {
            "message": "expired_orders_found",
            "level": "INFO",
            "dry_run": False,
            "order_ids": [order.order_id],
        },
        {
            "message": "orders_expired",
            "level": "INFO",
            "dry_run": False,
            **report(checked=1, expired=1),
        },
    ]


def test_dry_run_reports_the_same_and_changes_nothing(job: Job, world: World):
    for number in range(5):
        closed_order(world, f"{number}", OLD, OrderState.DISPATCHED)
    before = world.rows()

    said = job.run(dry_run=True)

    assert world.rows() == before
    assert job.run() == said == report(checked=5, expired=5)


@pytest.mark.parametrize(("operation", "number"), [("put_item", 3), ("get_item", 4), ("query", 5)])
def test_next_run_finishes_the_work_of_a_killed_run(
    job: Job, world: World, operation: str, number: int
):
    for key in range(10):
        closed_order(world, f"{key}", OLD, OrderState.DISPATCHED)
    job.set(orders=world.killed_at(operation, number))
    with pytest.raises(Killed):
        job.run()
    left = len(world.rows())
    assert left > 0

    job.set(orders=world.orders())

    assert job.run()["expired"] == left
    assert world.rows() == {}


def test_concurrent_runs_delete_each_order_once(job: Job, world: World):
    for number in range(40):
        closed_order(world, f"{number}", OLD, OrderState.DISPATCHED)

    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda _: job.run(), range(2)))

    assert sum(report["expired"] for report in reports) == 40
    assert world.rows() == {}


def test_order_that_changes_during_a_run_is_kept(job: Job, world: World):
    order = closed_order(world, "old", OLD, OrderState.REJECTED)
    failed = replace(order, sequence=3, failed_compensations=("RefundPayment",))

    def before(operation: str) -> None:
        if operation == "put_item":
            world.keep(failed)

    job.set(orders=scans.OrderScans(world.table, dynamodb=Spy(world.dynamodb, before)))

    assert job.run() == report(checked=1, expired=0)
    assert world.row(order) == failed


@pytest.mark.parametrize(
    "body", [BODY, BODY | {"lines": [line(quantity=1)]}], ids=["the same order", "another order"]
)
def test_key_of_an_expired_order_is_never_used_again(
    job: Job, world: World, make_table: Callable[..., str], body: dict[str, Any]
):
    """Stock, payments and shipping know the id for ever: a second order would be mixed with it."""
    first = closed_order(world, "old", OLD, OrderState.DISPATCHED)
    job.run()
    again = parse_order_request(
        body, customer_id="17850", idempotency_key="old", request_id="r", now=format_time(NOW)
    )
    assert again.order_id == first.order_id

    shop = CustomerOrders(
        make_table("open-orders", "customer_id"),
        orders=world.table,
        limits=CustomerLimits(orders=1, units=100, value=10**6, orders_a_day=9),
        dynamodb=world.dynamodb,
    )
    for use in (shop.add, world.orders().find_retried):
        with pytest.raises(KeyReusedError, match="no longer kept"):
            use(again)

    tombstone = {"order_id": first.order_id, "expired_at": format_time(NOW)}
    assert (world.rows(), world.tombstones()) == ({}, [tombstone])
    assert world.orders().find(first.order_id) is None
    assert world.orders().update(first.order_id, change=lambda order: order) is None


def test_unreadable_row_fails_the_run_after_the_others_are_deleted(
    job: Job, world: World, capsys: pytest.CaptureFixture[str]
):
    bad, *others = (
        closed_order(world, f"{number}", OLD, OrderState.DISPATCHED) for number in range(3)
    )
    world.garble(bad)

    with pytest.raises(UnreadableError, match=f"1 row of the table is no order: {bad.order_id}"):
        job.run()

    assert {row["order_id"] for row in world.tombstones()} == {each.order_id for each in others}
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert logged[-1]["expired"] == len(others)
    # The next run does not report it again.
    world.keep(bad)
    assert job.run() == report(checked=1, expired=1)

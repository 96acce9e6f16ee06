"""Scheduled jobs finish what a saga left, resolve duplicates, and delete orders of long ago."""

from tests.support.cli import journey
from tests.support.order_outcomes import check_promises, ended, published
from tests.support.orders_platform import (
    LONG_AGO,
    Platform,
    cancel,
    change,
    configured,
    no_saga_starts,
    payments_wait,
    place,
    row,
    run,
)
from tests.support.waiting import wait_until


def started_and_stopped(platform: Platform, key: str) -> str:
    """An order whose saga was stopped between stock and payment, or while it asked for that."""
    order = place(platform, key)
    reservation = {
        "TableName": platform.outputs["ReservationsTable"],
        "Key": {"order_id": {"S": order}},
    }
    dynamodb, states = platform.client("dynamodb"), platform.client("stepfunctions")
    wait_until("stock is reserved", lambda: "Item" in dynamodb.get_item(**reservation))
    states.stop_execution(executionArn=row(platform, order)["claim_owner"])
    return order


def test_work_of_a_dead_saga_is_finished_after_its_lease(platform):
    """Standard executions can be stopped; an Express one can only be cut off, which looks alike."""
    with payments_wait(platform):
        orders = [
            started_and_stopped(platform, "dead-1"),
            started_and_stopped(platform, "dead-2"),
        ]
    unwanted = orders[1]
    assert cancel(platform, unwanted) == (202, "PLACED")
    for order in orders:
        change(platform, order, check_after=LONG_AGO)
    assert run(platform, "RepublishStalled")["published"] == 0
    for order in orders:
        change(platform, order, check_after=LONG_AGO, claim_until=1)

    assert run(platform, "RepublishStalled", dry_run=True)["published"] == 2
    run(platform, "RepublishStalled")

    assert ended(platform, *orders) == [("CONFIRMED", None), ("CANCELLED", "Cancelled")]
    check_promises(platform)
    assert run(platform, "RepublishStalled")["published"] == 0
    code, trace = journey(platform.cloud, orders[0])
    assert (code, trace["problems"]) == (0, [])
    ends = [execution["status"] for execution in trace["executions"]]
    assert ends == ["ABORTED", "SUCCEEDED"]


class TestScheduledJobs:
    def test_later_of_two_duplicate_orders_is_held(self, platform):
        first = place(platform, "same-1")
        assert ended(platform, first) == [("CONFIRMED", None)]
        second = place(platform, "same-2", like="same-1")
        assert ended(platform, second) == [("CONFIRMED", None)]

        run(platform, "ResolveDuplicates")

        assert row(platform, second)["duplicate_of"] == first
        (hold,) = platform.api.order(second, customer="ada").body["held"]
        assert (hold["reason"], first in hold["explanation"]) == ("DuplicateOrder", True)
        assert "duplicate_of" not in row(platform, first)
        check_promises(platform)
        assert published(platform, second) == ["OrderPlaced", "OrderConfirmed", "OrderHeld"]

    def test_or_cancelled_where_that_is_the_policy(self, platform):
        with configured(platform, "JobsResolveDuplicates", DUPLICATE_POLICY="cancel"):
            first = place(platform, "equal-1")
            assert ended(platform, first) == [("CONFIRMED", None)]
            with payments_wait(platform):
                under_way = place(platform, "equal-2", like="equal-1")
                wait_until("it is claimed", lambda: "claim_owner" in row(platform, under_way))
                run(platform, "ResolveDuplicates")
                assert row(platform, under_way)["duplicate_of"] == first
            confirmed = place(platform, "equal-3", like="equal-1")
            ended(platform, confirmed)
            run(platform, "ResolveDuplicates")

        ends = [("CANCELLED", "DuplicateOrder")]
        assert ended(platform, under_way) == ends
        assert ended(platform, confirmed, at_first="WITHDRAWN") == ends
        answer = platform.api.order(confirmed, customer="ada").body
        assert first in answer["explanation"]
        assert row(platform, first)["state"] == "CONFIRMED"
        check_promises(platform)

    def test_order_past_its_retention_is_deleted(self, platform):
        with no_saga_starts(platform):
            order = place(platform, "long-ago")
            cancel(platform, order)
        check_promises(platform)
        change(platform, order, changed_at=LONG_AGO)

        run(platform, "ExpireOrders")

        assert platform.api.order(order, customer="ada").status == 404
        platform.database.execute("DELETE FROM accepted WHERE order_id = ?", [order])
        check_promises(platform)

"""Runs that are dry, killed, concurrent or disturbed resolve each duplicate once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from lambdas.contracts.times import format_time
from lambdas.orders import scans
from lambdas.orders.cancellation import cancel
from lambdas.orders.domain import MAX_HOLDS, Hold, HoldState
from lambdas.orders.holds import hold
from lambdas.orders.scans import UnreadableError
from tests.support.duplicates import NOTHING, NOW, after, confirmed, counts, did, pairs
from tests.support.order_jobs import Job, Killed, World
from tests.support.spy import Spy

LIFTED_AT = format_time(NOW)


class TestRuns:
    def test_dry_run_reports_the_same_and_changes_nothing(self, job: Job, world: World):
        pairs(world, 3, after(-16))
        confirmed(world, "3", after(-14), customer="0")
        before = world.rows()

        said = job.run(dry_run=True)

        assert world.rows() == before
        assert job.run(dry_run=True) == said
        assert job.run() == said
        assert said["held"] + said["cancelled"] == 4

    @pytest.mark.parametrize(
        ("operation", "number"), [("put_item", 3), ("get_item", 9), ("query", 40)]
    )
    def test_next_run_finishes_the_work_of_a_killed_run(
        self, job: Job, policy: str, world: World, operation: str, number: int
    ):
        later = pairs(world, 8, after(1))
        job.set(orders=world.killed_at(operation, number))
        with pytest.raises(Killed):
            job.run()

        job.set(orders=world.orders())
        job.run()

        rows = world.rows()
        assert all(rows[order.order_id].duplicate_of for order in later)
        assert {rows[order.order_id].sequence for order in later} == {3}
        assert did(job) == NOTHING

    def test_concurrent_runs_resolve_each_duplicate_once(self, job: Job, world: World):
        later = pairs(world, 20, after(1))

        with ThreadPoolExecutor(2) as pool:
            reports = list(pool.map(lambda _: job.run(), range(2)))

        assert sum(report["held"] + report["cancelled"] for report in reports) == len(later)
        rows = world.rows()
        assert {rows[order.order_id].sequence for order in later} == {3}

    def test_order_that_changes_during_a_run_is_checked_again(self, job: Job, world: World):
        (later,) = pairs(world, 1, after(1))
        gone = cancel(later, now=format_time(NOW))

        def before(operation: str) -> None:
            if operation == "put_item":
                world.keep(gone)

        job.set(orders=scans.OrderScans(world.table, dynamodb=Spy(world.dynamodb, before)))
        assert did(job) == counts(kept=1, undecided=1)

        job.set(orders=world.orders())
        assert did(job) == counts(kept=2)
        assert world.row(later) == gone

    def test_original_that_is_cancelled_during_a_run_takes_no_other_order_with_it(
        self, job: Job, world: World
    ):
        earlier, later = confirmed(world, "1", after(1)), confirmed(world, "2", after(3))
        reads = 0

        def before(operation: str) -> None:
            nonlocal reads
            reads += operation == "get_item"
            if (operation, reads) == ("get_item", 2):  # The first one read the earlier order.
                world.keep(cancel(earlier, now=format_time(NOW)))

        job.set(orders=scans.OrderScans(world.table, dynamodb=Spy(world.dynamodb, before)))

        assert did(job) == counts(kept=1, undecided=1)
        assert world.row(later) == later

    def test_duplicate_is_held_if_the_original_is_disputed_during_a_run(
        self, load: Callable[[str], Job], world: World
    ):
        earlier, _ = confirmed(world, "1", after(1)), confirmed(world, "2", after(3))
        dispute = {"cause": "d", "reason": "PaymentDisputed", "explanation": "fraudulent"}
        reads = 0

        def before(operation: str) -> None:
            nonlocal reads
            reads += operation == "get_item"
            if (operation, reads) == ("get_item", 2):  # The first one read the earlier order.
                world.keep(hold(earlier, **dispute, now=format_time(NOW)))

        job = load("cancel")
        job.set(orders=scans.OrderScans(world.table, dynamodb=Spy(world.dynamodb, before)))

        assert did(job) == counts(kept=1, held=1)

    def test_unreadable_row_does_not_stop_the_others(self, job: Job, world: World):
        bad, earlier, later = (confirmed(world, str(i), after(i)) for i in (1, 2, 3))
        world.garble(bad)

        with pytest.raises(UnreadableError, match=bad.order_id):
            job.run()

        resolved = world.orders().find(later.order_id)
        assert resolved is not None
        assert resolved.duplicate_of == earlier.order_id

    def test_duplicate_that_was_held_too_often_does_not_stop_the_others(
        self, job: Job, world: World
    ):
        holds = tuple(
            Hold(cause=f"d{n}", reason="r", explanation="", state=HoldState.LIFTED, at=LIFTED_AT)
            for n in range(MAX_HOLDS)
        )
        for i in (1, 2):
            full = confirmed(world, str(i), after(i), holds=holds)
        (other,) = pairs(world, 1, after(3))

        job.run()

        assert world.row(full).duplicate_of
        assert world.row(other).duplicate_of

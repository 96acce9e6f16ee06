"""How far a run comes, what bounds it, and where the next one goes on."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from lambdas.contracts.order_states import OrderState
from lambdas.contracts.times import format_time
from lambdas.orders import duplicate_scan, scans
from lambdas.orders.checkpoint import Checkpoint, Progress
from lambdas.orders.dedup_key import PERIOD
from tests.support.duplicates import NOW, ONCE, after, confirmed, did, pairs
from tests.support.order_jobs import Job, World
from tests.support.spy import Spy


@ONCE
class TestPeriods:
    def test_period_is_done_when_it_ended_and_is_resolved(self, job: Job, world: World):
        for minutes, done in ((0, -5), (0.99, -5), (1, 0), (5.99, 0), (6, 5)):
            job.at(after(minutes))
            assert job.run()["done_until"] == format_time(after(done))

    def test_run_continues_where_the_last_one_stopped(self, job: Job, world: World):
        job.run()
        pairs(world, 1, after(11))
        made: list[str] = []
        job.set(orders=scans.OrderScans(world.table, dynamodb=Spy(world.dynamodb, made.append)))
        job.at(after(12))

        report = job.run()

        assert report["done_until"] == format_time(after(10))
        assert report["held"] + report["cancelled"] == 1
        # Periods of 12:00, 12:05 and 12:10, each with the one before it, in all shards.
        assert made.count("query") == 3 * 2 * len(scans.SHARDS)

    def test_unfinished_order_delays_the_checkpoint_for_a_limited_time(
        self, job: Job, world: World
    ):
        world.placed("1", after(1))
        confirmed(world, "2", after(2))
        for minutes, done in ((6, 0), (64.99, 0), (65, 60), (66, 65)):
            job.at(after(minutes))
            assert job.run()["done_until"] == format_time(after(done))

    def test_run_is_bounded(self, job: Job, world: World, monkeypatch: pytest.MonkeyPatch):
        pairs(world, 6, after(-20))
        monkeypatch.setattr(duplicate_scan, "MAX_ORDERS", 4)

        done = [did(job) for _ in range(6)]

        assert max(sum(report.values()) for report in done) <= 4
        assert sum(report["held"] + report["cancelled"] for report in done) == 6

    def test_large_group_is_resolved_in_parts(
        self, job: Job, world: World, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(scans, "MAX_CANDIDATES", 4)
        monkeypatch.setattr(duplicate_scan, "MAX_CANDIDATES", 4)
        for number in range(10):
            confirmed(world, f"{number}", after(-20) + timedelta(seconds=number))

        done = [did(job) for _ in range(5)]

        assert [report["held"] + report["cancelled"] for report in done] == [3, 3, 3, 0, 0]

    def test_first_run_begins_an_hour_ago(
        self, job: Job, world: World, dynamodb: Any, make_table: Callable[..., str]
    ):
        progress = make_table("progress", "job")
        job.set(checkpoint=Checkpoint(progress, job="resolve_duplicates", dynamodb=dynamodb))
        earlier = pairs(world, 1, after(-61), "earlier ")
        (later,) = pairs(world, 1, after(-60), "later ")

        job.run()

        assert [world.row(order).duplicate_of for order in earlier] == [None]
        assert world.row(later).duplicate_of

    def test_after_a_long_pause_it_catches_up_in_parts(
        self, job: Job, world: World, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(duplicate_scan, "MAX_PERIODS", 13)
        job.run()
        job.at(NOW + 30 * PERIOD)

        until = [datetime.fromisoformat(job.run()["done_until"]) for _ in range(3)]

        assert until == [after(0) + periods * PERIOD for periods in (13, 26, 30)]

    def test_orders_that_a_bounded_run_missed_are_scanned_later(
        self, job: Job, world: World, monkeypatch: pytest.MonkeyPatch
    ):
        job.run()
        later = pairs(world, 3, after(1), "early ") + pairs(world, 3, after(11), "late ")
        monkeypatch.setattr(duplicate_scan, "MAX_ORDERS", 2)
        job.at(NOW + timedelta(hours=2))

        for _ in later:
            job.run()

        rows = world.rows()
        assert all(rows[order.order_id].duplicate_of for order in later)

    def test_more_than_a_run_can_look_at_does_not_keep_others_from_their_turn(
        self, job: Job, world: World, monkeypatch: pytest.MonkeyPatch
    ):
        job.run()
        for order in pairs(world, 3, after(1), "early "):
            world.keep(replace(order, state=OrderState.REJECTED))
        (later,) = pairs(world, 1, after(11), "late ")
        monkeypatch.setattr(duplicate_scan, "MAX_ORDERS", 2)
        job.at(NOW + timedelta(hours=2))

        for _ in range(4):
            job.run()

        assert world.row(later).duplicate_of

    def test_period_is_given_up_only_after_a_run_of_its_own(
        self, job: Job, world: World, monkeypatch: pytest.MonkeyPatch
    ):
        job.run()
        early = pairs(world, 1, after(1), "early ")
        *kept, last = sorted(
            pairs(world, 3, after(11), "late "), key=lambda order: str(order.dedup_key)
        )
        for order in (*early, *kept):
            world.keep(replace(order, state=OrderState.REJECTED))
        monkeypatch.setattr(duplicate_scan, "MAX_ORDERS", 5)
        job.at(NOW + timedelta(hours=2))

        for _ in range(2):
            job.run()

        assert world.row(last).duplicate_of


class TestProgress:
    def test_progress_of_a_concurrent_run_is_kept(
        self, dynamodb: Any, make_table: Callable[..., str]
    ):
        table = make_table("progress", "job")
        checkpoint, other = (Checkpoint(table, job=job, dynamodb=dynamodb) for job in "ab")
        assert checkpoint.read() is None
        first = Progress(done_until=after(5), unresolved=(after(0), after(-5)))
        second = Progress(done_until=after(10))

        checkpoint.write(first, before=None)
        checkpoint.write(second, before=None)
        assert checkpoint.read() == first

        checkpoint.write(second, before=first)
        checkpoint.write(first, before=first)
        assert checkpoint.read() == second
        assert other.read() is None

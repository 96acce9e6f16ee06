"""The job that finds duplicates, on DynamoDB."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.contracts.envelope import event_id
from lambdas.contracts.orders import SOURCE, OrderState
from lambdas.contracts.times import format_time, reformat_time
from lambdas.orders import duplicate_scan, scans
from lambdas.orders.cancellation import cancel
from lambdas.orders.checkpoint import Checkpoint, Progress
from lambdas.orders.customer_view import customer_view
from lambdas.orders.dedup_key import PERIOD
from lambdas.orders.domain import Hold, HoldState, Order
from lambdas.orders.holds import lift_hold
from lambdas.orders.scans import UnreadableError
from tests.support.order_jobs import Job, Killed, World
from tests.support.order_requests import BODY, line
from tests.support.spy import Spy

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
NOW = NOON + timedelta(minutes=4, seconds=30)
WITHIN = timedelta(minutes=5)
DONE: dict[str, Any] = {"open_shard": None, "check_after": None}
NOTHING = {"kept": 0, "held": 0, "cancelled": 0, "too_late": 0, "undecided": 0}


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


@pytest.fixture
def world(dynamodb: Any, table: str) -> World:
    return World(dynamodb, table)


@pytest.fixture
def load(
    load_handler: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    make_table: Callable[..., str],
    dynamodb: Any,
    table: str,
) -> Callable[[str], Job]:
    progress = make_table("progress", "job")
    # What was placed longer ago is done: each period more takes a query of each shard.
    Checkpoint(progress, job="resolve_duplicates", dynamodb=dynamodb).write(
        Progress(done_until=after(-20)), before=None
    )
    settings = {
        "ORDERS_TABLE": table,
        "CHECKPOINTS_TABLE": progress,
        "DUPLICATE_WINDOW_SECONDS": str(int(WITHIN.total_seconds())),
    }

    def load(policy: str) -> Job:
        job = Job(
            load_handler, monkeypatch, "resolve_duplicates", DUPLICATE_POLICY=policy, **settings
        )
        job.at(NOW)
        return job

    return load


ONCE = pytest.mark.parametrize("policy", ["hold"], indirect=True)
"""What is about how far a run comes, to which the policy makes no difference."""


@pytest.fixture(params=["hold", "cancel"])
def policy(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def job(load: Callable[[str], Job], policy: str) -> Job:
    return load(policy)


def confirmed(world: World, key: str, at: datetime, **changes: Any) -> Order:
    return world.placed(
        key, at, **{"state": OrderState.CONFIRMED, "sequence": 2, **DONE, **changes}
    )


def did(job: Job, **others: int) -> dict[str, int]:
    """What the job's next run did, without how far it came."""
    report = job.run()
    del report["done_until"], report["unresolved_periods"]
    return report


def counts(**some: int) -> dict[str, int]:
    return NOTHING | some


def is_resolved(order: Order, policy: str, *, repeats: Order) -> bool:
    """Whether it is held or withdrawn for repeating that one."""
    assert order.duplicate_of == repeats.order_id
    assert order.dedup_bucket is None
    if policy == "cancel":
        return (order.state, order.reason) == (OrderState.WITHDRAWN, "DuplicateOrder")
    return [hold.reason for hold in order.held] == ["DuplicateOrder"]


class TestFound:
    def test_later_duplicate_is_held(self, load: Callable[[str], Job], world: World):
        earlier, later = confirmed(world, "1", after(1)), confirmed(world, "2", after(3))

        assert did(load("hold")) == counts(kept=1, held=1)

        at = reformat_time(earlier.placed_at)
        explanation = f"the same as order {earlier.order_id}, which was placed at {at}"
        assert world.row(later) == replace(
            later,
            sequence=3,
            out_of_band_events=1,
            dedup_bucket=None,
            duplicate_of=earlier.order_id,
            holds=(
                Hold(
                    cause=event_id(SOURCE, earlier.order_id, 1),
                    reason="DuplicateOrder",
                    explanation=explanation,
                    state=HoldState.HELD,
                    at=format_time(NOW),
                ),
            ),
        )
        assert customer_view(world.row(later))["held"][0]["explanation"] == explanation
        assert world.row(earlier) == earlier

    def test_later_duplicate_is_cancelled(self, load: Callable[[str], Job], world: World):
        earlier, later = confirmed(world, "1", after(1)), confirmed(world, "2", after(3))

        assert did(load("cancel")) == counts(kept=1, cancelled=1)

        noted = replace(later, dedup_bucket=None, duplicate_of=earlier.order_id)
        at = reformat_time(earlier.placed_at)
        explanation = f"the same as order {earlier.order_id}, which was placed at {at}"
        why = {"reason": "DuplicateOrder", "explanation": explanation}
        assert world.row(later) == cancel(noted, now=format_time(NOW), **why)
        assert customer_view(world.row(later))["explanation"] == explanation
        assert world.row(earlier) == earlier

    def test_first_of_three_duplicates_is_kept(self, job: Job, policy: str, world: World):
        first, *others = [confirmed(world, f"{number}", after(number)) for number in range(4)]

        assert did(job)["kept"] == 1

        assert world.row(first) == first
        assert all(is_resolved(world.row(order), policy, repeats=first) for order in others)

    def test_sequence_of_lines_makes_no_difference(self, job: Job, world: World):
        confirmed(world, "1", after(1))
        confirmed(world, "2", after(2), body=BODY | {"lines": BODY["lines"][::-1]})

        assert sum(did(job).values()) == 2

    def test_different_order_is_not_found(self, job: Job, world: World):
        confirmed(world, "1", after(1))
        confirmed(world, "2", after(2), customer="12583")
        for number, body in enumerate(
            (
                BODY | {"country": "France"},
                BODY | {"currency": "EUR"},
                BODY | {"lines": BODY["lines"][:1]},
                BODY | {"lines": [*BODY["lines"], line(sku="22423")]},
                BODY | {"lines": [line(quantity=7), BODY["lines"][1]]},
                BODY | {"lines": [line(unit_price=254), BODY["lines"][1]]},
            )
        ):
            confirmed(world, f"other {number}", after(2), body=body)
        before = world.rows()

        assert did(job) == NOTHING
        assert world.rows() == before

    def test_duplicate_across_periods_is_found(self, job: Job, policy: str, world: World):
        earlier, later = confirmed(world, "1", after(-1)), confirmed(world, "2", after(0))
        assert earlier.dedup_bucket != later.dedup_bucket

        job.run()

        assert is_resolved(world.row(later), policy, repeats=earlier)

    def test_dispatched_duplicate_is_reported_once(
        self, job: Job, policy: str, world: World, capsys: pytest.CaptureFixture[str]
    ):
        earlier = confirmed(world, "1", after(1))
        later = confirmed(
            world, "2", after(2), state=OrderState.DISPATCHED, sequence=3, closed_shard="0"
        )

        assert did(job) == counts(kept=1, too_late=1)

        left = world.row(later)
        assert (left.state, left.reason, left.duplicate_of) == (
            OrderState.DISPATCHED,
            None,
            earlier.order_id,
        )
        # A hold that is too late is recorded.
        assert [hold.state for hold in left.holds] == (
            [HoldState.MISSED] if policy == "hold" else []
        )
        assert later.order_id in capsys.readouterr().out
        assert did(job) == NOTHING

    def test_scan_waits_for_the_outcome_of_the_earlier_order(
        self, job: Job, policy: str, world: World
    ):
        earlier, later = world.placed("1", after(1)), confirmed(world, "2", after(2))
        unwanted, wanted = (
            world.placed("3", after(1), customer="12583"),
            confirmed(world, "4", after(2), customer="12583"),
        )
        assert did(job) == counts(kept=2, undecided=2)
        assert world.row(later) == later

        world.keep(replace(earlier, state=OrderState.CONFIRMED, sequence=2, **DONE))
        world.keep(replace(unwanted, state=OrderState.REJECTED, sequence=2, **DONE))

        assert did(job)["kept"] == 3
        assert is_resolved(world.row(later), policy, repeats=earlier)
        assert world.row(wanted) == wanted

    @pytest.mark.parametrize("start", [-6, -2.5, 0])
    def test_undecided_order_makes_those_after_it_undecided(
        self, job: Job, policy: str, world: World, start: float
    ):
        """Whether the second repeats the first is open, so whether the third repeats it is, too."""
        first = world.placed("1", after(start))
        second, third = (
            confirmed(world, "2", after(start + 4)),
            confirmed(world, "3", after(start + 8)),
        )
        job.at(NOON + timedelta(minutes=start + 8, seconds=10))
        did(job)
        assert [world.row(order) for order in (second, third)] == [second, third]

        world.keep(replace(first, state=OrderState.CONFIRMED, sequence=2, **DONE))
        did(job)

        assert is_resolved(world.row(second), policy, repeats=first)
        # Of the third, the second is now no original.
        assert world.row(third) == third

    def test_duplicate_in_progress_is_resolved(self, job: Job, policy: str, world: World):
        earlier = confirmed(world, "1", after(1))
        claim: dict[str, Any] = {"claim_owner": "execution", "claimed_by": {"execution"}}
        claimed = world.placed("2", after(2), claim_until=9, **claim)

        did(job)

        found = world.row(claimed)
        assert found.duplicate_of == earlier.order_id
        assert (found.state, found.claim_owner) == (OrderState.PLACED, "execution")
        if policy == "cancel":
            assert (found.cancel_requested_at, found.reason) == (format_time(NOW), "DuplicateOrder")

    def test_lifted_duplicate_is_not_held_again(self, load: Callable[[str], Job], world: World):
        earlier, later = confirmed(world, "1", after(1)), confirmed(world, "2", after(3))
        job = load("hold")
        did(job)
        cause = event_id(SOURCE, earlier.order_id, 1)
        lifted = world.keep(lift_hold(world.row(later), cause=cause, now=format_time(NOW)))

        assert did(job) == NOTHING
        assert world.row(later) == lifted


class TestRuns:
    def pairs(self, world: World, number: int, at: datetime, customers: str = "") -> list[Order]:
        """So many orders, each with one that repeats it, and returns those."""
        found = []
        for customer in range(number):
            whose = f"{customers}{customer}"
            confirmed(world, "1", at, customer=whose)
            later = confirmed(world, "2", at + timedelta(seconds=5), customer=whose)
            found.append(later)
        return found

    def test_dry_run_reports_the_same_and_changes_nothing(self, job: Job, world: World):
        self.pairs(world, 3, after(-16))
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
        later = self.pairs(world, 8, after(1))
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
        later = self.pairs(world, 20, after(1))

        with ThreadPoolExecutor(2) as pool:
            reports = list(pool.map(lambda _: job.run(), range(2)))

        assert sum(report["held"] + report["cancelled"] for report in reports) == len(later)
        rows = world.rows()
        assert {rows[order.order_id].sequence for order in later} == {3}

    def test_order_that_changes_during_a_run_is_checked_again(self, job: Job, world: World):
        (later,) = self.pairs(world, 1, after(1))
        gone = cancel(later, now=format_time(NOW))

        def before(operation: str) -> None:
            if operation == "put_item":
                world.keep(gone)

        job.set(orders=scans.OrderScans(world.table, dynamodb=Spy(world.dynamodb, before)))
        assert did(job) == counts(kept=1, undecided=1)

        job.set(orders=world.orders())
        assert did(job) == counts(kept=2)
        assert world.row(later) == gone

    @ONCE
    def test_period_is_done_when_it_ended_and_is_resolved(self, job: Job, world: World):
        for minutes, done in ((0, -5), (0.99, -5), (1, 0), (5.99, 0), (6, 5)):
            job.at(after(minutes))
            assert job.run()["done_until"] == format_time(after(done))

    @ONCE
    def test_run_continues_where_the_last_one_stopped(self, job: Job, world: World):
        job.run()
        self.pairs(world, 1, after(11))
        made: list[str] = []
        job.set(orders=scans.OrderScans(world.table, dynamodb=Spy(world.dynamodb, made.append)))
        job.at(after(12))

        report = job.run()

        assert report["done_until"] == format_time(after(10))
        assert report["held"] + report["cancelled"] == 1
        # Periods of 12:00, 12:05 and 12:10, each with the one before it, in all shards.
        assert made.count("query") == 3 * 2 * len(scans.SHARDS)

    @ONCE
    def test_unfinished_order_delays_the_checkpoint_for_a_limited_time(
        self, job: Job, world: World
    ):
        world.placed("1", after(1))
        confirmed(world, "2", after(2))
        for minutes, done in ((6, 0), (64.99, 0), (65, 60), (66, 65)):
            job.at(after(minutes))
            assert job.run()["done_until"] == format_time(after(done))

    @ONCE
    def test_run_is_bounded(self, job: Job, world: World, monkeypatch: pytest.MonkeyPatch):
        self.pairs(world, 6, after(-20))
        monkeypatch.setattr(duplicate_scan, "MAX_ORDERS", 4)

        done = [did(job) for _ in range(6)]

        assert max(sum(report.values()) for report in done) <= 4
        assert sum(report["held"] + report["cancelled"] for report in done) == 6

    @ONCE
    def test_large_group_is_resolved_in_parts(
        self, job: Job, world: World, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(scans, "MAX_CANDIDATES", 4)
        monkeypatch.setattr(duplicate_scan, "MAX_CANDIDATES", 4)
        for number in range(10):
            confirmed(world, f"{number}", after(-20) + timedelta(seconds=number))

        done = [did(job) for _ in range(5)]

        assert [report["held"] + report["cancelled"] for report in done] == [3, 3, 3, 0, 0]

    @ONCE
    def test_first_run_begins_an_hour_ago(
        self, job: Job, world: World, dynamodb: Any, make_table: Callable[..., str]
    ):
        progress = make_table("progress", "job")
        job.set(checkpoint=Checkpoint(progress, job="resolve_duplicates", dynamodb=dynamodb))
        earlier = self.pairs(world, 1, after(-61), "earlier ")
        (later,) = self.pairs(world, 1, after(-60), "later ")

        job.run()

        assert [world.row(order).duplicate_of for order in earlier] == [None]
        assert world.row(later).duplicate_of

    @ONCE
    def test_after_a_long_pause_it_catches_up_in_parts(
        self, job: Job, world: World, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(duplicate_scan, "MAX_PERIODS", 13)
        job.run()
        job.at(NOW + 30 * PERIOD)

        until = [datetime.fromisoformat(job.run()["done_until"]) for _ in range(3)]

        assert until == [after(0) + periods * PERIOD for periods in (13, 26, 30)]

    @ONCE
    def test_orders_that_a_bounded_run_missed_are_scanned_later(
        self, job: Job, world: World, monkeypatch: pytest.MonkeyPatch
    ):
        job.run()
        later = self.pairs(world, 3, after(1), "early ") + self.pairs(world, 3, after(11), "late ")
        monkeypatch.setattr(duplicate_scan, "MAX_ORDERS", 2)
        job.at(NOW + timedelta(hours=2))

        for _ in later:
            job.run()

        rows = world.rows()
        assert all(rows[order.order_id].duplicate_of for order in later)

    @ONCE
    def test_more_than_a_run_can_look_at_does_not_keep_others_from_their_turn(
        self, job: Job, world: World, monkeypatch: pytest.MonkeyPatch
    ):
        job.run()
        for order in self.pairs(world, 3, after(1), "early "):
            world.keep(replace(order, state=OrderState.REJECTED))
        (later,) = self.pairs(world, 1, after(11), "late ")
        monkeypatch.setattr(duplicate_scan, "MAX_ORDERS", 2)
        job.at(NOW + timedelta(hours=2))

        for _ in range(4):
            job.run()

        assert world.row(later).duplicate_of

    @ONCE
    def test_period_is_given_up_only_after_a_run_of_its_own(
        self, job: Job, world: World, monkeypatch: pytest.MonkeyPatch
    ):
        job.run()
        early = self.pairs(world, 1, after(1), "early ")
        *kept, last = sorted(
            self.pairs(world, 3, after(11), "late "), key=lambda order: str(order.dedup_key)
        )
        for order in (*early, *kept):
            world.keep(replace(order, state=OrderState.REJECTED))
        monkeypatch.setattr(duplicate_scan, "MAX_ORDERS", 5)
        job.at(NOW + timedelta(hours=2))

        for _ in range(2):
            job.run()

        assert world.row(last).duplicate_of

    def test_unreadable_row_does_not_stop_the_others(self, job: Job, world: World):
        bad, earlier, later = (confirmed(world, str(i), after(i)) for i in (1, 2, 3))
        world.garble(bad)

        with pytest.raises(UnreadableError, match=bad.order_id):
            job.run()

        resolved = world.orders().find(later.order_id)
        assert resolved is not None
        assert resolved.duplicate_of == earlier.order_id


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


@ONCE
class TestOrdersOpenForLong:
    """A deferred order is open for as long as somebody is busy."""

    def open_pair(self, world: World, key: str, at: datetime) -> tuple[Order, Order]:
        """An order that is open, and a confirmed one a minute later that looks the same."""
        body = BODY | {"country": key}
        first = world.placed(f"{key} 1", at, body)
        second = world.placed(
            f"{key} 2",
            at + timedelta(minutes=1),
            body,
            **{"state": OrderState.CONFIRMED, "sequence": 2, **DONE},
        )
        return first, second

    @staticmethod
    def end(world: World, order: Order, state: OrderState) -> None:
        world.keep(replace(world.row(order), state=state, sequence=2, **DONE))

    @pytest.mark.parametrize("hours", [2, 26, 70])
    def test_duplicate_is_found_once_the_earlier_order_is_confirmed(
        self, job: Job, world: World, monkeypatch: pytest.MonkeyPatch, hours: int
    ):
        monkeypatch.setattr(duplicate_scan, "MAX_PERIODS", 10)
        first, second = self.open_pair(world, "x", after(1))
        for hour in (2, hours):
            job.at(NOW + timedelta(hours=hour))
            assert job.run()["unresolved_periods"] == 1
        self.end(world, first, OrderState.CONFIRMED)

        report = job.run()

        assert (report["held"], report["unresolved_periods"]) == (1, 0)
        assert world.row(second).duplicate_of == first.order_id

    def test_open_order_keeps_no_later_period_waiting(
        self, job: Job, world: World, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(duplicate_scan, "MAX_PERIODS", 10)
        self.open_pair(world, "x", after(1))
        confirmed(world, "1", after(61))
        later = confirmed(world, "2", after(62))
        job.at(NOW + timedelta(hours=2.5))

        for _ in range(2):
            report = job.run()

        assert world.row(later).duplicate_of
        assert report["done_until"] == format_time(after(-20 + 2 * 10 * 5))

    def test_period_with_open_orders_is_given_up_after_days(
        self, job: Job, world: World, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(duplicate_scan, "MAX_PERIODS", 10)
        first, second = self.open_pair(world, "x", after(1))
        job.at(NOW + timedelta(hours=2))
        job.run()
        job.at(NOW + duplicate_scan.GIVE_UP_AFTER + timedelta(hours=1))
        assert job.run()["unresolved_periods"] == 0
        self.end(world, first, OrderState.CONFIRMED)

        job.run()

        assert world.row(second).duplicate_of is None

    def test_periods_that_are_set_aside_take_turns(
        self, job: Job, world: World, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(duplicate_scan, "MAX_REVISITED", 2)
        pairs = [self.open_pair(world, f"{n}", after(1 + 5 * n)) for n in range(5)]
        job.at(NOW + timedelta(hours=1.5))
        assert job.run()["unresolved_periods"] == 5
        for first, _ in pairs:
            self.end(world, first, OrderState.CONFIRMED)

        left = [job.run()["unresolved_periods"] for _ in range(3)]

        assert left == [3, 1, 0]
        assert all(world.row(second).duplicate_of for _, second in pairs)

    def test_order_that_repeats_an_undecided_one_waits_for_its_turn(
        self, job: Job, world: World, monkeypatch: pytest.MonkeyPatch
    ):
        """The third repeats the second, which may repeat the first; each is of another period."""
        monkeypatch.setattr(duplicate_scan, "MAX_REVISITED", 1)
        first, second = self.open_pair(world, "x", after(4.5))
        third = world.placed(
            "x 3",
            after(10.1),
            BODY | {"country": "x"},
            **{"state": OrderState.CONFIRMED, "sequence": 2, **DONE},
        )
        job.at(NOW + timedelta(hours=1.5))
        for _ in range(4):
            job.run()
        assert [world.row(order).duplicate_of for order in (second, third)] == [None, None]

        self.end(world, first, OrderState.CONFIRMED)
        for _ in range(4):
            job.run()

        # The second repeats the first. The third came too long after that one.
        assert world.row(second).duplicate_of == first.order_id
        assert world.row(third).duplicate_of is None

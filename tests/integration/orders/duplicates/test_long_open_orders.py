"""Periods with orders that stay open are set aside and looked at again."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from lambdas.contracts.order_states import OrderState
from lambdas.contracts.times import format_time
from lambdas.orders import duplicate_scan
from lambdas.orders.domain import Order
from tests.support.duplicates import DONE, NOW, ONCE, after, confirmed
from tests.support.order_jobs import Job, World
from tests.support.order_requests import BODY


@ONCE
class TestOrdersOpenForLong:
    """A deferred order is open for as long as somebody is busy."""

    def open_pair(self, world: World, key: str, at: datetime) -> tuple[Order, Order]:
        """An order that is open, and a confirmed one a minute later that looks the same."""
        first = world.placed(f"{key} 1", at, BODY | {"country": key})
        return first, self.confirmed(world, f"{key} 2", at + timedelta(minutes=1), key)

    @staticmethod
    def confirmed(world: World, name: str, at: datetime, key: str) -> Order:
        """A confirmed order that looks like all others with this key."""
        done = {"state": OrderState.CONFIRMED, "sequence": 2, **DONE}
        return world.placed(name, at, BODY | {"country": key}, **done)

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
        third = self.confirmed(world, "x 3", after(10.1), "x")
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

    def test_order_waits_while_the_period_before_it_has_no_turn(
        self, job: Job, world: World, monkeypatch: pytest.MonkeyPatch
    ):
        """As above, but the third's period is not set aside yet, and the second's is."""
        monkeypatch.setattr(duplicate_scan, "MAX_REVISITED", 1)
        self.open_pair(world, "has its turn before", after(1))
        first, second = self.open_pair(world, "x", after(9.5))
        third = self.confirmed(world, "x 3", after(15.1), "x")
        job.at(NOW + timedelta(minutes=72))
        reports = [job.run() for _ in range(2)]
        assert [world.row(order).duplicate_of for order in (second, third)] == [None, None]
        assert {each["done_until"] for each in reports} == {format_time(after(15))}

        monkeypatch.setattr(duplicate_scan, "MAX_REVISITED", 6)
        self.end(world, first, OrderState.CONFIRMED)
        job.run()

        assert world.row(second).duplicate_of == first.order_id
        assert world.row(third).duplicate_of is None

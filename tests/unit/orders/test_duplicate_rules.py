"""Deciding which orders repeat an earlier one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.contracts.order_states import OrderState
from lambdas.orders.dedup_key import periods
from lambdas.orders.domain import MAX_HOLDS, Hold, HoldState, Order
from lambdas.orders.duplicate_rules import (
    UndecidedError,
    find_original,
    is_to_cancel,
    resolve_duplicate,
)
from tests.support.order_requests import placed

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
NOW = NOON + timedelta(minutes=4, seconds=30)
WITHIN = timedelta(minutes=5)


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


class TestRepeated:
    def order(
        self, key: str, minutes: float, state: OrderState = OrderState.CONFIRMED, **changes: Any
    ) -> Order:
        at = after(minutes).isoformat()
        return replace(placed(key=key), state=state, placed_at=at, **changes)

    @pytest.mark.parametrize(
        "state", [OrderState.PLACED, OrderState.CONFIRMED, OrderState.DISPATCHED]
    )
    @pytest.mark.parametrize("first", [OrderState.CONFIRMED, OrderState.DISPATCHED])
    @pytest.mark.parametrize("minutes", [0.01, 4.99, 5])
    def test_order_repeats_a_confirmed_one(
        self, state: OrderState, first: OrderState, minutes: float
    ):
        earlier, later = self.order("1", 0, first), self.order("2", minutes, state)

        assert find_original(later, [later, earlier], within=WITHIN) == earlier
        assert find_original(earlier, [later, earlier], within=WITHIN) is None

    def test_order_does_not_repeat_one_outside_the_window(self):
        earlier, later = self.order("1", 0), self.order("2", 5.01)

        assert find_original(later, [earlier, later], within=WITHIN) is None

    @pytest.mark.parametrize("first", [OrderState.REJECTED, OrderState.CANCELLED])
    def test_order_does_not_repeat_an_undone_one(self, first: OrderState):
        earlier, later = self.order("1", 0, first), self.order("2", 1)

        assert find_original(later, [earlier, later], within=WITHIN) is None

    @pytest.mark.parametrize("first", [OrderState.PLACED, OrderState.WITHDRAWN])
    def test_open_earlier_order_is_undecided(self, first: OrderState):
        earlier, later = self.order("1", 0, first), self.order("2", 1)

        with pytest.raises(UndecidedError):
            find_original(later, [earlier, later], within=WITHIN)

    def test_open_first_order_makes_all_later_ones_undecided(self):
        """The second may repeat the first, and the third then repeats neither."""
        first, second, third = (
            self.order("1", 0, OrderState.PLACED),
            self.order("2", 4),
            self.order("3", 8),
        )
        group = [first, second, third]

        with pytest.raises(UndecidedError):
            find_original(second, group, within=WITHIN)
        with pytest.raises(UndecidedError):
            find_original(third, group, within=WITHIN, undecided={second.order_id})

    def test_confirmed_first_order_wins_over_an_open_one(self):
        first, second, third = (
            self.order("1", 0),
            self.order("2", 1, OrderState.PLACED),
            self.order("3", 2),
        )

        assert find_original(third, [first, second, third], within=WITHIN) == first

    def test_order_does_not_repeat_a_duplicate(self):
        first, second, third = (
            self.order("1", 0),
            self.order("2", 4, duplicate_of="1"),
            self.order("3", 8),
        )

        assert find_original(third, [first, second, third], within=WITHIN) is None
        assert find_original(second, [first, second, third], within=WITHIN) is None

    @pytest.mark.parametrize(
        "changes",
        [
            {"state": OrderState.REJECTED},
            {"state": OrderState.CANCELLED},
            {"state": OrderState.WITHDRAWN, "cancel_requested_at": "now"},
            {"state": OrderState.PLACED, "cancel_requested_at": "now"},
        ],
    )
    def test_order_being_undone_repeats_nothing(self, changes: dict[str, Any]):
        earlier, later = self.order("1", 0), self.order("2", 1, **changes)

        assert find_original(later, [earlier, later], within=WITHIN) is None

    def test_one_of_two_simultaneous_orders_repeats_the_other(self):
        both = [self.order("1", 0), self.order("2", 0)]
        first, second = sorted(both, key=lambda order: order.order_id)

        assert find_original(second, both, within=WITHIN) == first
        assert find_original(first, both, within=WITHIN) is None


def test_duplicate_held_for_another_reason_is_cancelled_where_the_policy_cancels():
    other = Hold(cause="c", reason="R", explanation="x", state=HoldState.HELD, at=str(NOW))
    order = replace(placed(), state=OrderState.CONFIRMED, sequence=2, holds=(other,))

    assert is_to_cancel(order, repeats=order, policy="cancel")


def test_disputed_duplicate_is_held_even_where_the_policy_cancels():
    original, repeated = placed(key="1"), placed(key="2")
    dispute = Hold(
        cause="d", reason="PaymentDisputed", explanation="x", state=HoldState.HELD, at=str(NOW)
    )
    order = replace(repeated, state=OrderState.CONFIRMED, sequence=2, holds=(dispute,))

    after = resolve_duplicate(order, repeats=original, policy="cancel", now=NOW.isoformat())

    assert (after.state, after.duplicate_of) == (OrderState.CONFIRMED, original.order_id)
    assert [hold.reason for hold in after.held] == ["PaymentDisputed", "DuplicateOrder"]


LIFTED = Hold(cause="c", reason="R", explanation="x", state=HoldState.LIFTED, at=NOW.isoformat())


@pytest.mark.parametrize(
    ("policy", "state", "holds", "why"),
    [
        ("hold", OrderState.CONFIRMED, MAX_HOLDS - 1, "held"),
        ("hold", OrderState.CONFIRMED, MAX_HOLDS, "marked"),
        ("cancel", OrderState.CONFIRMED, 0, "cancelled"),
        ("cancel", OrderState.DISPATCHED, 0, "marked"),
    ],
)
def test_duplicate_is_held_or_cancelled_or_only_marked(
    policy: str, state: OrderState, holds: int, why: str
):
    original, repeated = placed(key="1"), placed(key="2")
    order = replace(repeated, state=state, sequence=2, holds=(LIFTED,) * holds, dedup_bucket="b")

    after = resolve_duplicate(order, repeats=original, policy=policy, now=NOW.isoformat())

    assert (after.duplicate_of, after.dedup_bucket) == (original.order_id, None)
    at = "2026-12-01T08:26:00.000Z"
    explanation = f"the same as order {original.order_id}, which was placed at {at}"
    assert [hold.explanation for hold in after.held] == [explanation] * (why == "held")
    assert after.explanation == (explanation if why == "cancelled" else None)
    assert (after.state == OrderState.WITHDRAWN) == (why == "cancelled")
    assert len(after.holds) == holds + (why == "held")


def test_periods_are_aligned_to_the_clock():
    assert periods(after(-0.1), after(5)) == [after(-5), after(0), after(5)]

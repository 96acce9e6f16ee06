"""Holding an order, lifting and missing holds, and their events."""

from dataclasses import replace

import pytest

from lambdas.contracts.codec import ContractError
from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.event import Event
from lambdas.contracts.order_states import OrderState
from lambdas.contracts.orders import (
    OrderCancelled,
    OrderDispatched,
    OrderHeld,
    OrderHoldLifted,
    OrderHoldMissed,
    OrderPlaced,
    OrderWithdrawn,
)
from lambdas.orders.cancellation import cancel
from lambdas.orders.customer_view import customer_view
from lambdas.orders.domain import Hold, HoldState, Order, dispatch
from lambdas.orders.events import event_for_change
from lambdas.orders.holds import NoSuchHoldError, hold, lift_hold, mark_hold_missed
from lambdas.orders.rows import order_of, row_of
from tests.support.order_requests import placed
from tests.support.order_states import STATES

NOW, LATER = "2026-12-01T09:00:00+00:00", "2026-12-01T10:00:00+00:00"
PLACED_ORDER = placed()
CONFIRMED_ORDER = replace(PLACED_ORDER, state=OrderState.CONFIRMED, sequence=2, open_shard=None)


def held(order: Order, cause: str = "dispute-1") -> Order:
    return hold(order, cause=cause, reason="PaymentDisputed", explanation="disputed", now=NOW)


def published(before: Order | None, after: Order) -> EventEnvelope[Event]:
    event = event_for_change(before, after)
    assert event is not None
    return event


@pytest.mark.parametrize("order", [PLACED_ORDER, CONFIRMED_ORDER])
def test_hold_of_a_holdable_order_is_recorded_and_published(order: Order):
    after = held(order)

    assert after == replace(
        order,
        sequence=order.sequence + 1,
        out_of_band_events=1,
        holds=(
            Hold(
                cause="dispute-1",
                reason="PaymentDisputed",
                explanation="disputed",
                state=HoldState.HELD,
                at=NOW,
            ),
        ),
    )
    event = published(order, after)
    assert event.data == OrderHeld(
        order_id=order.order_id,
        customer_id="17850",
        reason="PaymentDisputed",
        explanation="disputed",
    )
    assert (event.metadata.sequence, event.metadata.causation_id, event.metadata.occurred_at) == (
        order.sequence + 1,
        "dispute-1",
        NOW,
    )


def test_customer_sees_the_hold_until_it_is_lifted():
    after = held(CONFIRMED_ORDER)

    assert customer_view(after)["held"] == [
        {"reason": "PaymentDisputed", "explanation": "disputed", "since": NOW}
    ]
    assert "held" not in customer_view(lift_hold(after, cause="dispute-1", now=LATER))
    assert "held" not in customer_view(cancel(after, now=LATER))


@pytest.mark.parametrize(
    "state",
    [OrderState.REJECTED, OrderState.WITHDRAWN, OrderState.CANCELLED, OrderState.DISPATCHED],
)
def test_hold_that_comes_too_late_is_published_as_missed(state: OrderState):
    order = replace(CONFIRMED_ORDER, state=state, sequence=4)
    after = held(order)

    assert [hold.state for hold in after.holds] == [HoldState.MISSED]
    assert after.state == state
    assert "held" not in customer_view(after)
    event = published(order, after)
    assert event.data == OrderHoldMissed(
        order_id=order.order_id,
        customer_id="17850",
        reason="PaymentDisputed",
        explanation="disputed",
        state=state,
    )
    assert (event.metadata.sequence, event.metadata.causation_id) == (5, "dispute-1")


@pytest.mark.parametrize(
    "state",
    STATES,
)
def test_redelivered_hold_is_ignored(state: OrderState):
    once = held(replace(CONFIRMED_ORDER, state=state))

    assert held(once) is once
    assert held(replace(once, state=OrderState.DISPATCHED)).holds == once.holds


def test_redelivered_cause_does_not_restore_a_lifted_hold():
    lifted = lift_hold(held(CONFIRMED_ORDER), cause="dispute-1", now=LATER)

    assert [hold.state for hold in lifted.holds] == [HoldState.LIFTED]
    assert held(lifted) is lifted
    assert lift_hold(lifted, cause="dispute-1", now="later still") is lifted
    event = published(held(CONFIRMED_ORDER), lifted)
    assert event.data == OrderHoldLifted(
        order_id=lifted.order_id, customer_id="17850", reason="PaymentDisputed"
    )
    assert (event.metadata.sequence, event.metadata.occurred_at) == (4, LATER)


def test_only_lifting_the_last_hold_is_published():
    twice = held(held(CONFIRMED_ORDER), "dispute-2")
    once = lift_hold(twice, cause="dispute-1", now=LATER)
    free = lift_hold(once, cause="dispute-2", now=LATER)

    assert [hold.cause for hold in once.held] == ["dispute-2"]
    assert event_for_change(twice, once) is None
    assert isinstance(published(once, free).data, OrderHoldLifted)
    assert not free.held


@pytest.mark.parametrize(
    ("order", "cause", "says"),
    [
        (CONFIRMED_ORDER, "dispute-1", "CONFIRMED and held by nothing, not by 'dispute-1'"),
        (
            held(CONFIRMED_ORDER),
            "dispute-2",
            r"held by dispute-1 \(PaymentDisputed\), not by 'dispute-2'",
        ),
        (
            cancel(held(CONFIRMED_ORDER), now=LATER),
            "dispute-1",
            "is WITHDRAWN: hold 'dispute-1' can no longer be lifted",
        ),
        (
            held(replace(CONFIRMED_ORDER, state=OrderState.DISPATCHED)),
            "dispute-1",
            "is DISPATCHED and held by nothing, not by 'dispute-1'",
        ),
    ],
)
def test_unliftable_hold_is_refused_with_a_reason(order: Order, cause: str, says: str):
    with pytest.raises(NoSuchHoldError, match=says):
        lift_hold(order, cause=cause, now=LATER)


class TestOutOfBandEvents:
    """The saga's events are numbered from its first; holds are counted separately."""

    def test_republished_event_of_a_held_order_is_the_same(self):
        claimed = replace(held(PLACED_ORDER), claim_owner="execution", claim_until=1)

        assert published(None, claimed) == published(None, PLACED_ORDER)
        assert isinstance(published(None, claimed).data, OrderPlaced)

    def test_republished_event_of_a_withdrawn_held_order_is_the_same(self):
        withdrawn = cancel(held(CONFIRMED_ORDER), now=LATER)
        missed = held(withdrawn, "dispute-2")

        assert published(held(CONFIRMED_ORDER), withdrawn).data == OrderWithdrawn(
            order_id=withdrawn.order_id, customer_id="17850"
        )
        assert withdrawn.out_of_band_events == 0
        assert published(None, missed) == published(held(CONFIRMED_ORDER), withdrawn)

    def test_held_order_can_be_cancelled(self):
        cancelled = cancel(held(PLACED_ORDER), now=LATER)

        assert isinstance(published(held(PLACED_ORDER), cancelled).data, OrderCancelled)
        assert cancelled.sequence == 3


class TestLeftInSpiteOfIt:
    def test_each_missed_hold_is_published_once(self):
        order = held(held(CONFIRMED_ORDER), "dispute-2")
        left = dispatch(order, now=LATER)
        first = mark_hold_missed(left, now=LATER)
        second = mark_hold_missed(first, now=LATER)

        assert isinstance(published(order, left).data, OrderDispatched)
        assert [
            (event.data, event.metadata.causation_id)
            for event in (published(left, first), published(first, second))
        ] == [
            (
                OrderHoldMissed(
                    order_id=order.order_id,
                    customer_id="17850",
                    reason="PaymentDisputed",
                    explanation="disputed",
                    state=OrderState.DISPATCHED,
                ),
                cause,
            )
            for cause in ("dispute-1", "dispute-2")
        ]
        assert mark_hold_missed(second, now=LATER) is second

    def test_hold_of_an_order_that_has_not_left_is_not_missed(self):
        order = held(CONFIRMED_ORDER)

        assert mark_hold_missed(order, now=LATER) is order


def test_order_has_as_many_holds_as_its_rows_and_views_bear():
    """Each is an event, and a view's row has all events of its order, and at most 400 KB."""
    order = placed()
    for number in range(101):
        held, order = (
            order,
            hold(
                order,
                cause=f"dispute {number}",
                reason="PaymentDisputed",
                explanation="x",
                now=NOW,
            ),
        )

    assert order_of(row_of(held)) == held
    with pytest.raises(ContractError, match="holds must have 0 to 100 items, not 101"):
        order_of(row_of(order))

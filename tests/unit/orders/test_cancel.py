"""Cancelling an order in each state, with and without a saga at work."""

from dataclasses import replace
from typing import Any

import pytest

from lambdas.contracts.order_states import OrderState
from lambdas.orders.cancellation import (
    DisputedError,
    TooLateError,
    cancel,
    cancel_for_customer,
)
from lambdas.orders.customer_view import customer_view
from lambdas.orders.dedup_key import with_dedup_key
from lambdas.orders.domain import Order, shard
from lambdas.orders.holds import NoSuchHoldError, cancel_held, hold, lift_hold
from tests.support.order_requests import placed
from tests.support.order_states import DEFERRED, NOW, changed, order

WHY = {"reason": "Cancelled", "explanation": "cancelled by the customer"}
THE_WISH = {"cancel_requested_at": NOW, **WHY}
AT_ONCE = {
    "state": OrderState.CANCELLED,
    "sequence": 2,
    "changed_at": NOW,
    "reason": "Cancelled",
    "explanation": "cancelled by the customer",
    "open_shard": None,
    "check_after": None,
    "closed_shard": shard(placed().order_id),
}
WITHDRAWAL = {
    **WHY,
    "state": OrderState.WITHDRAWN,
    "sequence": 3,
    "changed_at": NOW,
    "cancel_requested_at": NOW,
    "open_shard": shard(placed().order_id),
    "check_after": "2026-12-01T09:05:00+00:00",
}
LET_GO: dict[str, Any] = {"claim_owner": None, "claim_until": None}
NOTHING: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("state", "claimed", "wished", "change"),
    [
        (OrderState.PLACED, False, False, AT_ONCE),
        (OrderState.PLACED, False, True, AT_ONCE),
        (OrderState.PLACED, True, False, THE_WISH),
        (OrderState.PLACED, True, True, NOTHING),
        (OrderState.CONFIRMED, False, False, WITHDRAWAL),
        (OrderState.CONFIRMED, False, True, WITHDRAWAL),
        (OrderState.CONFIRMED, True, False, WITHDRAWAL | LET_GO),
        (OrderState.CONFIRMED, True, True, WITHDRAWAL | LET_GO),
        *(
            (state, claimed, wished, NOTHING)
            for state in (OrderState.REJECTED, OrderState.WITHDRAWN, OrderState.CANCELLED)
            for claimed in (False, True)
            for wished in (False, True)
        ),
    ],
)
def test_cancel_changes_only_the_expected_fields(
    state: OrderState, claimed: bool, wished: bool, change: dict[str, Any]
):
    before = order(state, claimed=claimed, wished=wished)

    assert changed(before, cancel(before, now=NOW)) == change


@pytest.mark.parametrize("claimed", [False, True])
@pytest.mark.parametrize("wished", [False, True])
def test_dispatched_order_cannot_be_cancelled(claimed: bool, wished: bool):
    with pytest.raises(TooLateError, match=placed().order_id):
        cancel(order(OrderState.DISPATCHED, claimed=claimed, wished=wished), now=NOW)


@pytest.mark.parametrize(
    "state",
    [
        OrderState.PLACED,
        OrderState.CONFIRMED,
        OrderState.REJECTED,
        OrderState.WITHDRAWN,
        OrderState.CANCELLED,
    ],
)
@pytest.mark.parametrize("claimed", [False, True])
def test_second_cancel_changes_nothing(state: OrderState, claimed: bool):
    once = cancel(order(state, claimed=claimed, wished=False), now=NOW)

    assert cancel(once, now="later") == once


@pytest.mark.parametrize("state", [OrderState.PLACED, OrderState.CONFIRMED])
@pytest.mark.parametrize("claimed", [False, True])
def test_cancel_records_reason_and_explanation(state: OrderState, claimed: bool):
    before = order(state, claimed=claimed, wished=False)

    after = cancel(before, now=NOW, reason="DuplicateOrder", explanation="the same as another")

    assert (after.reason, after.explanation) == ("DuplicateOrder", "the same as another")
    assert customer_view(after)["reason"] == "DuplicateOrder"


def test_cancelling_a_deferred_order_makes_it_due_at_once():
    """A saga may have done some of it: the next one undoes that."""
    deferred = {"claimed_by": {"execution"}, **DEFERRED, "check_after": "2026-12-01T09:12:00Z"}
    before = replace(placed(), **deferred)

    assert changed(before, cancel(before, now=NOW)) == {**THE_WISH, "check_after": NOW}


def test_order_that_is_cancelled_at_once_is_compared_with_no_other():
    """Who places and cancels alike orders again and again would keep the job from the others."""
    order = with_dedup_key(placed())
    assert order.dedup_bucket

    assert cancel(order, now=NOW).dedup_bucket is None
    assert cancel(replace(order, claimed_by={"one"}), now=NOW).dedup_bucket


def disputed(known: Order, reason: str = "PaymentDisputed") -> Order:
    return hold(known, cause="d", reason=reason, explanation="fraudulent", now=NOW)


@pytest.mark.parametrize("state", [OrderState.PLACED, OrderState.CONFIRMED])
@pytest.mark.parametrize("claimed", [False, True])
def test_customer_cannot_cancel_while_the_payment_is_disputed(state: OrderState, claimed: bool):
    known = disputed(order(state, claimed=claimed, wished=False))

    with pytest.raises(DisputedError, match="can be cancelled once the dispute is over"):
        cancel_for_customer(known, now=NOW)
    lifted = lift_hold(known, cause="d", now=NOW)
    assert cancel_for_customer(lifted, now=NOW) == cancel(lifted, now=NOW) != lifted


def test_cancellation_that_came_before_the_dispute_is_not_refused():
    wished = disputed(order(OrderState.PLACED, claimed=True, wished=True))
    withdrawn = disputed(order(OrderState.WITHDRAWN, claimed=True, wished=True))

    for known in (wished, withdrawn):
        assert cancel_for_customer(known, now=NOW) is known


def test_disputed_order_that_has_ended_or_left_gets_the_answer_of_any_other():
    known = disputed(order(OrderState.PLACED, claimed=True, wished=False))
    rejected, left = (
        replace(known, state=state) for state in (OrderState.REJECTED, OrderState.DISPATCHED)
    )

    assert cancel_for_customer(rejected, now=NOW) is rejected
    with pytest.raises(TooLateError):
        cancel_for_customer(left, now=NOW)


def test_customer_can_cancel_an_order_that_is_held_for_another_reason():
    known = disputed(order(OrderState.CONFIRMED, claimed=False, wished=False), "DuplicateOrder")

    assert cancel_for_customer(known, now=NOW) == cancel(known, now=NOW) != known


def test_operator_cancels_an_order_whose_dispute_is_lost_and_its_hold_stays():
    known = disputed(order(OrderState.CONFIRMED, claimed=False, wished=False))

    after = cancel_held(known, cause="d", now=NOW)

    assert (after.state, after.reason) == (OrderState.WITHDRAWN, "PaymentDisputed")
    assert after.explanation == "fraudulent"
    assert after.held == known.held
    assert cancel_held(after, cause="d", now="later") is after
    with pytest.raises(NoSuchHoldError, match="is CONFIRMED, not held by 'other'"):
        cancel_held(known, cause="other", now=NOW)


@pytest.mark.parametrize("state", [OrderState.REJECTED, OrderState.DISPATCHED])
def test_operator_cancels_no_order_that_was_rejected_or_has_left(state: OrderState):
    known = disputed(order(OrderState.CONFIRMED, claimed=False, wished=False))

    with pytest.raises(NoSuchHoldError, match=f"is {state}: it can no longer be cancelled"):
        cancel_held(replace(known, state=state), cause="d", now=NOW)


def test_operator_cancels_no_order_because_of_a_lifted_hold():
    known = disputed(order(OrderState.CONFIRMED, claimed=False, wished=False))

    with pytest.raises(NoSuchHoldError, match="not held by 'd'"):
        cancel_held(lift_hold(known, cause="d", now=NOW), cause="d", now=NOW)

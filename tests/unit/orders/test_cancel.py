"""Cancelling an order, recognising stalled orders, and expiry."""

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from lambdas.contracts.orders import OrderState
from lambdas.orders.cancellation import TooLateError, cancel
from lambdas.orders.customer_view import customer_view
from lambdas.orders.domain import (
    Hold,
    HoldState,
    NotDeferredError,
    Order,
    is_expired,
    order_id,
    shard,
)
from lambdas.orders.scans import SHARDS
from lambdas.orders.stalled_orders import (
    is_stalled,
    is_undispatched,
    needs_attention,
    request_attention,
    reschedule_check,
    resume,
)
from tests.support.order_requests import placed

NOW = "2026-12-01T09:00:00+00:00"
EARLIER = "2026-12-01T08:59:00+00:00"
DISPATCH_WITHIN = timedelta(hours=12)
CLAIM: dict[str, Any] = {
    "claim_owner": "execution",
    "claim_until": 1_000,
    "claimed_by": {"execution"},
}
DEFERRED: dict[str, Any] = {
    "deferred_shard": "0",
    "deferred_since": EARLIER,
    "deferred_step": "TakePayment",
    "deferred_error": "States.Timeout",
    "deferrals": 3,
}
STATES = (
    OrderState.PLACED,
    OrderState.CONFIRMED,
    OrderState.REJECTED,
    OrderState.WITHDRAWN,
    OrderState.CANCELLED,
    OrderState.DISPATCHED,
)
SEQUENCES = {
    OrderState.PLACED: 1,
    OrderState.CONFIRMED: 2,
    OrderState.REJECTED: 2,
    OrderState.WITHDRAWN: 3,
    OrderState.CANCELLED: 4,
    OrderState.DISPATCHED: 3,
}


def order(state: OrderState, *, claimed: bool, wished: bool) -> Order:
    """An order in that state, as its table has it."""
    return replace(
        placed(),
        state=state,
        sequence=SEQUENCES[state],
        open_shard=placed().order_id[0]
        if state in (OrderState.PLACED, OrderState.WITHDRAWN)
        else None,
        cancel_requested_at=EARLIER if wished else None,
        **(CLAIM if claimed else {}),
    )


def changed(before: Order, after: Order) -> dict[str, Any]:
    """The fields that differ, as they are afterwards."""
    return {
        field.name: getattr(after, field.name)
        for field in fields(Order)
        if getattr(before, field.name) != getattr(after, field.name)
    }


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
WHY = {"reason": "Cancelled", "explanation": "cancelled by the customer"}
THE_WISH = {"cancel_requested_at": NOW, **WHY}
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


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    ("claim_until", "nobody_works"), [(None, True), (999, True), (1_000, False), (1_001, False)]
)
def test_open_order_without_a_valid_claim_is_stalled(
    state: OrderState, claim_until: int | None, nobody_works: bool
):
    claimed = replace(order(state, claimed=True, wished=False), claim_until=claim_until)

    assert is_stalled(claimed, now=1_000) == (
        nobody_works and state in (OrderState.PLACED, OrderState.WITHDRAWN)
    )


def test_every_order_shard_is_scanned():
    assert {shard(order_id("ada", str(number))) for number in range(1_000)} == set(SHARDS)


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


LIVE = int(datetime.fromisoformat(NOW).timestamp()) + 60


@pytest.mark.parametrize(
    ("claim_until", "check_after"),
    [
        (None, "2026-12-01T09:05:00.000Z"),
        (1_000, "2026-12-01T09:05:00.000Z"),
        (LIVE, "2026-12-01T09:01:01.000Z"),
        (LIVE + 900, "2026-12-01T09:16:01.000Z"),
    ],
)
def test_check_is_rescheduled_to_the_end_of_the_claim(claim_until: int | None, check_after: str):
    before = replace(placed(), claim_owner="execution", claim_until=claim_until)

    after = reschedule_check(
        before, now=datetime.fromisoformat(NOW), dispatch_within=DISPATCH_WITHIN
    )

    assert changed(before, after) == {"check_after": check_after}
    at = int(datetime.fromisoformat(check_after).timestamp())
    assert is_stalled(after, now=at)


def late(state: OrderState = OrderState.PLACED, **changes: Any) -> Order:
    """An order that has been in its state since NOW."""
    return replace(placed(), state=state, changed_at=NOW, **changes)


@pytest.mark.parametrize(
    ("late_order", "needed_after"),
    [
        (late(), timedelta(days=1)),
        (late(OrderState.WITHDRAWN), timedelta(days=1)),
        (late(**DEFERRED | {"deferrals": 99}), timedelta(days=1)),
        (late(**DEFERRED | {"deferred_error": "KeyError", "deferrals": 4}), timedelta(days=1)),
        (late(**DEFERRED | {"deferred_error": "KeyError", "deferrals": 5}), timedelta()),
        (late(OrderState.CONFIRMED), 2 * DISPATCH_WITHIN),
    ],
    ids=["placed", "withdrawn", "busy", "failing", "failed", "confirmed"],
)
def test_person_is_called_once_when_an_order_does_not_go_on(
    late_order: Order, needed_after: timedelta
):
    def needed(order: Order, after: timedelta) -> bool:
        now = datetime.fromisoformat(NOW) + after
        return needs_attention(order, now=now, dispatch_within=DISPATCH_WITHIN)

    assert not needed(late_order, needed_after - timedelta(seconds=1)) or not needed_after
    assert needed(late_order, needed_after)
    called = request_attention(late_order, now=NOW)
    assert not needed(called, timedelta(days=30))
    assert changed(late_order, called) == {
        "attention_requested_at": NOW,
        "sequence": 2,
        "out_of_band_events": 1,
    }


def test_hold_starts_the_time_to_dispatch_anew():
    lifted = Hold(cause="c", reason="R", explanation="x", state=HoldState.LIFTED, at=NOW)
    before = replace(late(OrderState.CONFIRMED), changed_at=EARLIER, holds=(lifted,))
    now = datetime.fromisoformat(EARLIER) + 2 * DISPATCH_WITHIN

    assert not needs_attention(before, now=now, dispatch_within=DISPATCH_WITHIN)
    assert is_undispatched(before)
    assert not is_undispatched(replace(before, holds=(replace(lifted, state=HoldState.HELD),)))


def test_check_of_a_confirmed_order_is_rescheduled_by_the_time_to_dispatch():
    before = replace(late(OrderState.CONFIRMED), **CLAIM)
    now = datetime.fromisoformat(NOW)

    after = reschedule_check(before, now=now, dispatch_within=DISPATCH_WITHIN)

    assert changed(before, after) == {"check_after": "2026-12-01T21:00:00.000Z"}


def test_resumed_order_is_as_if_deferred_for_the_first_time():
    before = late(**DEFERRED, attention_requested_at=NOW)

    after = resume(before, now=datetime.fromisoformat(NOW))

    assert changed(before, after) == {
        "deferrals": None,
        "attention_requested_at": None,
        "check_after": "2026-12-01T09:05:00.000Z",
    }


@pytest.mark.parametrize(
    "order_kept",
    [late(), late(OrderState.CONFIRMED), late(**DEFERRED, claim_owner="e", claim_until=10**11)],
    ids=["stalled", "confirmed", "claimed"],
)
def test_order_that_is_not_deferred_is_not_resumed(order_kept: Order):
    with pytest.raises(NotDeferredError, match=order_kept.order_id):
        resume(order_kept, now=datetime.fromisoformat(NOW))


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("failed", [(), ("RefundPayment",)])
@pytest.mark.parametrize(("changed_at", "old"), [(EARLIER, True), (NOW, False)])
def test_only_ended_orders_without_outstanding_compensations_expire(
    state: OrderState, failed: Sequence[str], changed_at: str, old: bool
):
    before = order(state, claimed=True, wished=False)
    asked = replace(before, failed_compensations=failed, changed_at=changed_at)

    over = state in (OrderState.REJECTED, OrderState.CANCELLED, OrderState.DISPATCHED)
    assert is_expired(asked, before=NOW) == (over and old and not failed)

"""Recognising an order that does not go on: when it is looked at, and when a person is called."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from lambdas.contracts.order_states import OrderState
from lambdas.orders.domain import Hold, HoldState, NotDeferredError, Order, order_id, shard
from lambdas.orders.scans import SHARDS
from lambdas.orders.stalled_orders import (
    MAX_CLAIMS,
    is_stalled,
    is_undispatched,
    needs_attention,
    request_attention,
    reschedule_check,
    resume,
)
from tests.support.order_requests import placed
from tests.support.order_states import CLAIM, DEFERRED, EARLIER, NOW, STATES, changed, order

DISPATCH_WITHIN = timedelta(hours=12)


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


LIVE = int(datetime.fromisoformat(NOW).timestamp()) + 60


@pytest.mark.parametrize(
    ("claim_until", "check_after"),
    [
        (None, "2026-12-01T09:05:00.000Z"),
        (1_000, "2026-12-01T09:05:00.000Z"),
        (LIVE - 60, "2026-12-01T09:00:01.000Z"),
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


@pytest.mark.parametrize("owner", ["execution-1", None])
def test_claims_are_bounded_and_one_is_dropped(owner: str | None):
    claims = frozenset(f"execution-{number}" for number in range(MAX_CLAIMS))
    full = replace(placed(), claim_owner=owner, claimed_by=claims)
    over = replace(full, claimed_by={*claims, "one more"})

    def claims_dropped(before: Order) -> set[str]:
        now = datetime.fromisoformat(NOW)
        after = reschedule_check(before, now=now, dispatch_within=DISPATCH_WITHIN)
        return {*(before.claimed_by or ())} - {*(after.claimed_by or ())}

    assert claims_dropped(full) == set()
    assert claims_dropped(over) == {owner or "one more"}


def late(state: OrderState = OrderState.PLACED, **changes: Any) -> Order:
    """An order that has been in its state since NOW."""
    return replace(placed(), state=state, changed_at=NOW, **changes)


@pytest.mark.parametrize(
    ("late_order", "needed_after"),
    [
        (late(), timedelta(days=1)),
        (late(OrderState.WITHDRAWN), timedelta(days=1)),
        (late(**DEFERRED | {"deferrals": 99}), timedelta(days=1)),
        (late(**DEFERRED | {"deferred_error": "KeyError", "deferrals": 5}), timedelta(days=1)),
        (late(**DEFERRED | {"deferred_error": "KeyError", "deferrals": 6}), timedelta()),
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


@pytest.mark.parametrize("state", STATES)
def test_only_a_confirmed_order_is_undispatched(state: OrderState):
    assert is_undispatched(late(state)) == (state == OrderState.CONFIRMED)


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

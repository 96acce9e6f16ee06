"""Cancelling an order, recognising stalled orders, and expiry."""

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

import pytest

from lambdas.contracts.orders import OrderState
from lambdas.orders.cancellation import TooLateError, cancel
from lambdas.orders.customer_view import customer_view
from lambdas.orders.domain import Order, is_expired, order_id, shard
from lambdas.orders.scans import SHARDS
from lambdas.orders.stalled_orders import is_stalled, reschedule_check
from tests.support.order_requests import placed

NOW = "2026-12-01T09:00:00+00:00"
EARLIER = "2026-12-01T08:59:00+00:00"
CLAIM: dict[str, Any] = {"claim_owner": "execution", "claim_until": 1_000}
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


LIVE = int(datetime.fromisoformat(NOW).timestamp()) + 60


@pytest.mark.parametrize(
    ("claim_until", "check_after"),
    [
        (None, "2026-12-01T09:05:00+00:00"),
        (1_000, "2026-12-01T09:05:00+00:00"),
        (LIVE, "2026-12-01T09:01:01+00:00"),
        (LIVE + 900, "2026-12-01T09:16:01+00:00"),
    ],
)
def test_check_is_rescheduled_to_the_end_of_the_claim(claim_until: int | None, check_after: str):
    before = replace(placed(), claim_owner="execution", claim_until=claim_until)

    after = reschedule_check(before, now=datetime.fromisoformat(NOW))

    assert changed(before, after) == {"check_after": check_after}
    at = int(datetime.fromisoformat(check_after).timestamp())
    assert is_stalled(after, now=at)


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

"""What cancelling makes of an order, and which orders are told of again."""

from dataclasses import fields, replace
from typing import Any

import pytest

from lambdas.orders.domain import (
    CANCELLED,
    CONFIRMED,
    DISPATCHED,
    PLACED,
    REJECTED,
    WITHDRAWN,
    Order,
    TooLateError,
    cancel,
    overdue,
    shard,
)
from tests.unit.orders.requests import placed

NOW = "2026-12-01T09:00:00+00:00"
EARLIER = "2026-12-01T08:59:00+00:00"
CLAIM: dict[str, Any] = {"claim_owner": "execution", "claim_until": 1_000}
STATES = (PLACED, CONFIRMED, REJECTED, WITHDRAWN, CANCELLED, DISPATCHED)
SEQUENCES = {PLACED: 1, CONFIRMED: 2, REJECTED: 2, WITHDRAWN: 3, CANCELLED: 4, DISPATCHED: 3}


def order(state: str, *, claimed: bool, wished: bool) -> Order:
    """An order in that state, as its table has it."""
    return replace(
        placed(),
        state=state,
        sequence=SEQUENCES[state],
        unfinished="00" if state in (PLACED, WITHDRAWN) else None,
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
    "state": CANCELLED,
    "sequence": 2,
    "changed_at": NOW,
    "reason": "Cancelled",
    "explanation": "cancelled by the customer",
    "unfinished": None,
}
THE_WISH = {"cancel_requested_at": NOW}
WITHDRAWAL = {
    "state": WITHDRAWN,
    "sequence": 3,
    "changed_at": NOW,
    "cancel_requested_at": NOW,
    "unfinished": shard(placed().order_id),
}
LET_GO: dict[str, Any] = {"claim_owner": None, "claim_until": None}
NOTHING: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("state", "claimed", "wished", "change"),
    [
        (PLACED, False, False, AT_ONCE),
        (PLACED, False, True, AT_ONCE),
        (PLACED, True, False, THE_WISH),
        (PLACED, True, True, NOTHING),
        (CONFIRMED, False, False, WITHDRAWAL),
        (CONFIRMED, False, True, WITHDRAWAL),
        (CONFIRMED, True, False, WITHDRAWAL | LET_GO),
        (CONFIRMED, True, True, WITHDRAWAL | LET_GO),
        *(
            (state, claimed, wished, NOTHING)
            for state in (REJECTED, WITHDRAWN, CANCELLED)
            for claimed in (False, True)
            for wished in (False, True)
        ),
    ],
)
def test_cancelling_changes_this_and_nothing_else(
    state: str, claimed: bool, wished: bool, change: dict[str, Any]
):
    before = order(state, claimed=claimed, wished=wished)

    assert changed(before, cancel(before, now=NOW)) == change


@pytest.mark.parametrize("claimed", [False, True])
@pytest.mark.parametrize("wished", [False, True])
def test_what_is_on_its_way_cannot_be_cancelled(claimed: bool, wished: bool):
    with pytest.raises(TooLateError, match=placed().order_id):
        cancel(order(DISPATCHED, claimed=claimed, wished=wished), now=NOW)


@pytest.mark.parametrize("state", [PLACED, CONFIRMED, REJECTED, WITHDRAWN, CANCELLED])
@pytest.mark.parametrize("claimed", [False, True])
def test_cancelling_again_changes_nothing(state: str, claimed: bool):
    once = cancel(order(state, claimed=claimed, wished=False), now=NOW)

    assert cancel(once, now="later") == once


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    ("claim_until", "nobody_works"), [(None, True), (999, True), (1_000, False), (1_001, False)]
)
def test_an_order_is_overdue_when_nobody_works_on_it(
    state: str, claim_until: int | None, nobody_works: bool
):
    claimed = replace(order(state, claimed=True, wished=False), claim_until=claim_until)

    assert overdue(claimed, now=1_000) == (nobody_works and state in (PLACED, WITHDRAWN))


def test_shards_are_spread_over_all_there_are():
    assert {shard(f"{digit:x}") for digit in range(16)} == {f"{number:02}" for number in range(16)}

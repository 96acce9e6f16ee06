"""An order in each state, and the fields in which a change differs from it."""

from dataclasses import fields, replace
from typing import Any

from lambdas.contracts.order_states import OrderState
from lambdas.orders.domain import Order
from tests.support.order_requests import placed

NOW = "2026-12-01T09:00:00+00:00"
EARLIER = "2026-12-01T08:59:00+00:00"
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

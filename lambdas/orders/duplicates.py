"""Which orders repeat an earlier one, and what becomes of those."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from lambdas.contracts.event import event_id
from lambdas.contracts.orders import SOURCE
from lambdas.orders.domain import (
    CONFIRMED,
    DISPATCHED,
    PLACED,
    UNDONE_STATES,
    WITHDRAWN,
    Order,
    cancel,
)
from lambdas.orders.holds import hold

CANCEL = "cancel"
"""The policy under which a duplicate is cancelled; under the other one it is held."""
DUPLICATE = "DuplicateOrder"


class UndecidedError(Exception):
    """Whether the order repeats another is open, because it is open what becomes of that one."""


def find_original(order: Order, candidates: Sequence[Order], *, within: timedelta) -> Order | None:
    """The first of those orders that ``order`` repeats, or None.

    ``candidates`` are orders that look the same. One that was placed at most ``within`` that time before
    is repeated if it stands. It does not if it came to nothing, or is a duplicate itself.

    Raises:
        UndecidedError: an order before it is not confirmed yet, or is being undone.
    """
    if order.duplicate_of or order.cancel_requested_at or order.state in UNDONE_STATES:
        return None
    before = [
        other
        for other in sorted(candidates, key=_age)
        if _age(other) < _age(order)
        and _placed(order) - _placed(other) <= within
        and not other.duplicate_of
    ]
    for other in before:
        if other.state in (CONFIRMED, DISPATCHED):
            return other
    if any(other.state in (PLACED, WITHDRAWN) for other in before):
        raise UndecidedError
    return None


def resolve_duplicate(order: Order, *, repeats: Order, policy: str, now: str) -> Order:
    """The order as it is once it was found that it repeats that one: held or cancelled.

    One that has left is only noted as what it is. It leaves the index in which it was found: an
    order is settled once, whatever is made of it afterwards.
    """
    noted = replace(order, duplicate_of=repeats.order_id, dedup_bucket=None)
    at = _placed(repeats).isoformat(timespec="seconds")
    explanation = f"the same as order {repeats.order_id}, which was placed at {at}"
    if policy == CANCEL:
        too_late = order.state == DISPATCHED
        why = {"reason": DUPLICATE, "explanation": explanation}
        return noted if too_late else cancel(noted, now=now, **why)
    cause = event_id(SOURCE, repeats.order_id, 1)
    return hold(noted, cause=cause, reason=DUPLICATE, explanation=explanation, now=now)


def _age(order: Order) -> tuple[datetime, str]:
    return _placed(order), order.order_id


def _placed(order: Order) -> datetime:
    return datetime.fromisoformat(order.placed_at)

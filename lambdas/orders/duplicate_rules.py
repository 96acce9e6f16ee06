"""The rules for duplicates: whether an order repeats an earlier one, and what follows."""

from collections.abc import Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta

from lambdas.contracts.envelope import event_id
from lambdas.contracts.order_states import FULFILLED_STATES, OPEN_STATES, UNDONE_STATES, OrderState
from lambdas.contracts.orders import DUPLICATE, SOURCE
from lambdas.contracts.times import format_time
from lambdas.orders.cancellation import cancel
from lambdas.orders.domain import MAX_HOLDS, Order
from lambdas.orders.holds import hold

CANCEL = "cancel"
"""The policy that cancels a duplicate. The other policy, ``hold``, holds it."""


class UndecidedError(Exception):
    """It is not known yet whether the order is a duplicate: an earlier order is still undecided."""


def find_original(
    order: Order,
    candidates: Sequence[Order],
    *,
    within: timedelta,
    undecided: Set[str] = frozenset(),
) -> Order | None:
    """Return the first candidate that ``order`` repeats, or None.

    ``candidates`` are orders that look the same. ``order`` repeats one that was placed before it,
    at most ``within`` earlier, if that one is confirmed or dispatched and no duplicate itself.
    ``undecided`` are the ids of candidates that may yet turn out to be duplicates.

    Raises:
        UndecidedError: an earlier order is not confirmed yet, is being undone, or is undecided.
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
        if other.state in OPEN_STATES or other.order_id in undecided:
            raise UndecidedError
        if other.state in FULFILLED_STATES:
            return other
    return None


def is_to_cancel(order: Order, *, repeats: Order, policy: str) -> bool:
    """Whether a duplicate is to be cancelled; if not, it is held.

    While its payment is disputed it is held: a cancellation would refund what the card company may
    give back. While that of the order that it repeats is disputed, it is held, too: that order may
    yet be cancelled, and the customer would have neither.
    """
    return policy == CANCEL and not (order.is_disputed or repeats.is_disputed)


def resolve_duplicate(order: Order, *, repeats: Order, policy: str, now: str) -> Order:
    """Return the order as a duplicate of ``repeats``: held or cancelled, as ``is_to_cancel`` says.

    If it was already dispatched, or was held as often as it can be, it is only marked as a
    duplicate. The order also leaves the index of dedup keys, so it is judged only once, even if an
    operator lifts the hold afterwards.
    """
    marked = replace(order, duplicate_of=repeats.order_id, dedup_bucket=None)
    at = format_time(_placed(repeats))
    explanation = f"the same as order {repeats.order_id}, which was placed at {at}"
    if is_to_cancel(order, repeats=repeats, policy=policy):
        too_late = order.state == OrderState.DISPATCHED
        why = {"reason": DUPLICATE, "explanation": explanation}
        return marked if too_late else cancel(marked, now=now, **why)
    if len(order.holds) >= MAX_HOLDS:
        return marked
    cause = event_id(SOURCE, repeats.order_id, 1)
    return hold(marked, cause=cause, reason=DUPLICATE, explanation=explanation, now=now)


def _age(order: Order) -> tuple[datetime, str]:
    return _placed(order), order.order_id


def _placed(order: Order) -> datetime:
    return datetime.fromisoformat(order.placed_at)

"""The rules for orders that make no progress.

These are open orders on which no saga execution works, and confirmed orders that are not dispatched
in time.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lambdas.contracts.order_states import OPEN_STATES, OrderState
from lambdas.contracts.times import format_time
from lambdas.contracts.transient import TRANSIENT_ERRORS
from lambdas.orders.domain import STALLED_AFTER, NotDeferredError, Order

MAX_CLAIMS = 100
"""How many claiming executions a row records. A saga that fails for ever claims the order again
and again, and DynamoDB limits a row to 400 KB.
"""
ATTENTION_AFTER = timedelta(days=1)
"""How long an order may stay open before an operator's attention is requested."""
MAX_FAILURES = 6
"""How often an order may be deferred, by errors that are not transient, before that."""


def is_stalled(order: Order, *, now: int) -> bool:
    """Whether the order is open, and no saga's claim on it is valid at ``now``.

    ``now`` is in seconds since 1970, as ``claim_until`` is.
    """
    return order.state in OPEN_STATES and not (order.claim_until and order.claim_until >= now)


def is_undispatched(order: Order) -> bool:
    """Whether the order is confirmed and not held. If its check is due, its dispatch is late."""
    return order.state == OrderState.CONFIRMED and not order.held


def needs_attention(order: Order, *, now: datetime, dispatch_within: timedelta) -> bool:
    """Whether to request an operator's attention for a stalled or undispatched order, once.

    A confirmed order needs it after twice ``dispatch_within``, counted from the last change of its
    state or of a hold. An open order needs it after ``ATTENTION_AFTER``, or after ``MAX_FAILURES``
    deferrals if its error is not transient.
    """
    if order.attention_requested_at:
        return False
    since = max(map(datetime.fromisoformat, (order.changed_at, *(h.at for h in order.holds))))
    if order.state == OrderState.CONFIRMED:
        return now - since >= 2 * dispatch_within
    opened = datetime.fromisoformat(order.changed_at)
    return now - opened >= ATTENTION_AFTER or (
        order.deferrals is not None
        and order.deferrals >= MAX_FAILURES
        and order.deferred_error not in TRANSIENT_ERRORS
    )


def request_attention(order: Order, *, now: str) -> Order:
    """Return the order with an operator's attention requested, which has an event."""
    return replace(
        order,
        attention_requested_at=now,
        sequence=order.sequence + 1,
        out_of_band_events=order.out_of_band_events + 1,
    )


def resume(order: Order, *, now: datetime) -> Order:
    """Return the deferred order with its deferrals reset, and its check due as after a new event.

    Raises:
        NotDeferredError: a saga works on the order, or it was never deferred.
    """
    if not order.deferred_since or not is_stalled(order, now=int(now.timestamp())):
        raise NotDeferredError(f"order {order.order_id} is {order.state}, and is not deferred")
    check_after = format_time(now + STALLED_AFTER)
    return replace(order, deferrals=None, attention_requested_at=None, check_after=check_after)


def reschedule_check(order: Order, *, now: datetime, dispatch_within: timedelta) -> Order:
    """Return the order with its next check scheduled.

    The check is due when the current claim expires, or after ``STALLED_AFTER`` if there is none.
    The check of a confirmed order is due after ``dispatch_within``.

    If ``claimed_by`` has more than ``MAX_CLAIMS`` executions, one is dropped: the one that is also
    recorded in ``claim_owner``, or any if the order was deferred.
    """
    then = now + STALLED_AFTER
    if order.state == OrderState.CONFIRMED:
        then = now + dispatch_within
    elif order.claim_until and order.claim_until >= int(now.timestamp()):
        then = datetime.fromtimestamp(order.claim_until + 1, UTC)
    claims = order.claimed_by
    if claims and len(claims) > MAX_CLAIMS:
        claims = claims - {order.claim_owner or max(claims)}
    return replace(order, check_after=format_time(then), claimed_by=claims)

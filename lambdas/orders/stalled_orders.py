"""Orders that wait: open ones that no saga execution works on, and confirmed ones that stay."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lambdas.contracts.orders import OPEN_STATES, OrderState
from lambdas.contracts.times import format_time
from lambdas.contracts.transient import TRANSIENT_ERRORS
from lambdas.orders.domain import STALLED_AFTER, NotDeferredError, Order

MAX_CLAIMS = 100
"""How many claiming executions a row records. A saga that fails for ever claims the order again
and again, and DynamoDB limits a row to 400 KB.
"""
ATTENTION_AFTER = timedelta(days=1)
"""How long an order may stay open before a person is called."""
MAX_FAILURES = 5
"""How often an order may be deferred before a person is called, if nobody is busy."""


def is_stalled(order: Order, *, now: int) -> bool:
    """Whether the order is open and unclaimed, or its claim expired before ``now``.

    ``now`` is in seconds since 1970, as the claim's end is.
    """
    return order.state in OPEN_STATES and (order.claim_until or 0) < now


def is_undispatched(order: Order) -> bool:
    """Whether the order is confirmed and nothing keeps it: found by a check, it is late."""
    return order.state == OrderState.CONFIRMED and not order.held


def needs_attention(order: Order, *, now: datetime, dispatch_within: timedelta) -> bool:
    """Whether a person is to be called for this stalled or undispatched order; once for each.

    An order may be confirmed for twice ``dispatch_within``, and holds start that time anew.
    """
    if order.attention_requested_at:
        return False
    since = max(map(datetime.fromisoformat, (order.changed_at, *(h.at for h in order.holds))))
    if order.state == OrderState.CONFIRMED:
        return now - since >= 2 * dispatch_within
    failing = order.deferred_error is not None and order.deferred_error not in TRANSIENT_ERRORS
    opened = datetime.fromisoformat(order.changed_at)
    return now - opened >= ATTENTION_AFTER or (failing and (order.deferrals or 0) >= MAX_FAILURES)


def request_attention(order: Order, *, now: str) -> Order:
    """Return the order with a person called, which is published."""
    return replace(
        order,
        attention_requested_at=now,
        sequence=order.sequence + 1,
        out_of_band_events=order.out_of_band_events + 1,
    )


def resume(order: Order, *, now: datetime) -> Order:
    """Return the deferred order as if it were deferred for the first time, and taken up just now.

    Raises:
        NotDeferredError: a saga works on the order, or it was never deferred.
    """
    if not order.deferred_since or not is_stalled(order, now=int(now.timestamp())):
        raise NotDeferredError(f"order {order.order_id} is {order.state}, and is not deferred")
    check_after = format_time(now + STALLED_AFTER)
    return replace(order, deferrals=None, attention_requested_at=None, check_after=check_after)


def reschedule_check(order: Order, *, now: datetime, dispatch_within: timedelta) -> Order:
    """Return the order with its next check scheduled.

    The check is due when the current claim expires, or after ``STALLED_AFTER`` if there is none;
    that of a confirmed order, after ``dispatch_within``. Beyond ``MAX_CLAIMS``, an execution is
    dropped from ``claimed_by``: the one in ``claim_owner``, where it is recorded until the next one
    claims the order, or any if the order was deferred.
    """
    then = now + STALLED_AFTER
    if order.state == OrderState.CONFIRMED:
        then = now + dispatch_within
    elif order.claim_until and order.claim_until >= int(now.timestamp()):
        then = datetime.fromtimestamp(order.claim_until + 1, UTC)
    claims = order.claimed_by
    if claims and len(claims) > MAX_CLAIMS:
        claims -= {order.claim_owner or max(claims)}
    return replace(order, check_after=format_time(then), claimed_by=claims)

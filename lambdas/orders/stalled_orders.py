"""Open orders that no saga execution works on, and when each is checked next."""

from dataclasses import replace
from datetime import UTC, datetime

from lambdas.contracts.orders import OrderState
from lambdas.orders.domain import STALLED_AFTER, Order

MAX_CLAIMS = 100
"""How many claiming executions a row records. A saga that fails for ever claims the order again
and again, and DynamoDB limits a row to 400 KB.
"""


def is_stalled(order: Order, *, now: int) -> bool:
    """Whether the order is open and unclaimed, or its claim expired before ``now``.

    ``now`` is in seconds since 1970, as the claim's end is.
    """
    open_states = (OrderState.PLACED, OrderState.WITHDRAWN)
    return order.state in open_states and (order.claim_until or 0) < now


def reschedule_check(order: Order, *, now: datetime) -> Order:
    """Return the order with its next check scheduled.

    The check is due when the current claim expires, or after ``STALLED_AFTER`` if there is none.
    Beyond ``MAX_CLAIMS``, the claiming execution is dropped from ``claimed_by``: it is recorded in
    ``claim_owner`` until the next one claims the order.
    """
    then = now + STALLED_AFTER
    if order.claim_until and order.claim_until >= int(now.timestamp()):
        then = datetime.fromtimestamp(order.claim_until + 1, UTC)
    claims = order.claimed_by
    if claims and len(claims) > MAX_CLAIMS:
        claims -= {order.claim_owner}
    return replace(order, check_after=then.isoformat(), claimed_by=claims)

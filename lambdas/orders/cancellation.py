"""Cancelling an order. Its state decides what follows."""

from dataclasses import replace

from lambdas.contracts.commands import CANCELLED as CANCELLED_BY_CUSTOMER
from lambdas.contracts.order_states import HOLDABLE_STATES, OrderState
from lambdas.orders.domain import NO_LONGER_OPEN, NO_LONGER_WAITING, Order, next_check, shard


class TooLateError(Exception):
    """The order was dispatched and can no longer be cancelled."""


class DisputedError(Exception):
    """The payment is disputed. A cancellation would refund what the card company may give back."""


def cancel_for_customer(order: Order, *, now: str) -> Order:
    """Return the order as ``cancel`` does, unless its payment is disputed.

    Raises:
        DisputedError: the card company has not decided yet. A request that is on record, or is
            being carried out, is not refused.
        TooLateError: the order was dispatched.
    """
    new = order.state in HOLDABLE_STATES and order.cancel_requested_at is None
    if new and order.is_disputed:
        raise DisputedError(
            f"the payment of order {order.order_id} is disputed: it can be cancelled once the "
            "dispute is over"
        )
    return cancel(order, now=now)


def cancel(
    order: Order,
    *,
    now: str,
    reason: str = CANCELLED_BY_CUSTOMER,
    explanation: str = "cancelled by the customer",
) -> Order:
    """Return the order with the cancellation applied; unchanged if there is nothing to do.

    - Placed and never claimed by a saga: it is cancelled at once.
    - Claimed: the request is recorded. The saga's last write checks it and undoes everything.
    - Claimed before and deferred: the request is recorded, and the order is due at once. The next
      saga undoes everything.
    - Confirmed: it is withdrawn. A saga of its own then undoes everything.

    ``reason`` and ``explanation`` are for the customer.

    Raises:
        TooLateError: the order was dispatched.
    """
    if order.state == OrderState.DISPATCHED:
        raise TooLateError(f"order {order.order_id} is on its way and cannot be cancelled")
    if order.state == OrderState.PLACED and not order.claimed_by:
        return replace(
            order,
            state=OrderState.CANCELLED,
            reason=reason,
            explanation=explanation,
            sequence=order.sequence + 1,
            changed_at=now,
            closed_shard=shard(order.order_id),
            dedup_bucket=None,
            **NO_LONGER_OPEN,
        )
    if order.state == OrderState.PLACED and order.cancel_requested_at is None:
        return replace(
            order,
            cancel_requested_at=now,
            reason=reason,
            explanation=explanation,
            check_after=order.check_after if order.claim_owner else now,
        )
    if order.state == OrderState.CONFIRMED:
        return replace(
            order,
            state=OrderState.WITHDRAWN,
            reason=reason,
            explanation=explanation,
            sequence=order.sequence + 1,
            changed_at=now,
            cancel_requested_at=now,
            claim_owner=None,
            claim_until=None,
            open_shard=shard(order.order_id),
            out_of_band_events=0,
            check_after=next_check(now),
            **NO_LONGER_WAITING,
        )
    return order

"""Holding an order, so that it is not dispatched until the hold is lifted.

Events about holds are out-of-band: they neither wait for the saga nor change the sequence numbers
that it writes.
"""

from dataclasses import replace

from lambdas.contracts.bounds import MAX_TEXT
from lambdas.contracts.order_states import HOLDABLE_STATES, OrderState
from lambdas.orders.cancellation import cancel
from lambdas.orders.domain import Hold, HoldState, Order


class NoSuchHoldError(Exception):
    """The order has no such hold in force, or can no longer be held."""


def hold(order: Order, *, cause: str, reason: str, explanation: str, now: str) -> Order:
    """Return the order with a hold; unchanged if this ``cause`` has held it before.

    ``cause`` is the id of the event that requests the hold. ``reason`` is a name, ``explanation`` a
    text, which is cut to what an event may hold; the customer sees both. A hold that comes too late
    is recorded as missed, and has an event.
    """
    if any(known.cause == cause for known in order.holds):
        return order
    new = Hold(
        cause=cause,
        reason=reason,
        explanation=explanation[:MAX_TEXT],
        state=HoldState.HELD if order.state in HOLDABLE_STATES else HoldState.MISSED,
        at=now,
    )
    return _with_out_of_band_event(replace(order, holds=(*order.holds, new)))


def lift_hold(order: Order, *, cause: str, now: str) -> Order:
    """Return the order with the hold of this ``cause`` lifted; unchanged if it already is.

    Only lifting the last hold in force publishes an event.

    Raises:
        NoSuchHoldError: there is no such hold, and the message names those in force; or the order
            is past holding.
    """
    known = {hold.cause: hold.state for hold in order.holds}.get(cause, HoldState.MISSED)
    if known == HoldState.LIFTED:
        return order
    if known == HoldState.MISSED:
        there_are = ", ".join(f"{hold.cause} ({hold.reason})" for hold in order.held) or "nothing"
        raise NoSuchHoldError(
            f"order {order.order_id} is {order.state} and held by {there_are}, not by {cause!r}"
        )
    if order.state not in HOLDABLE_STATES:
        raise NoSuchHoldError(
            f"order {order.order_id} is {order.state}: hold {cause!r} can no longer be lifted"
        )
    lifted = _with_hold_state(order, cause, state=HoldState.LIFTED, now=now)
    return lifted if lifted.held else _with_out_of_band_event(lifted)


def cancel_held(order: Order, *, cause: str, now: str) -> Order:
    """Return the order as cancelled because of this hold, which stays; unchanged if it already is.

    The order is undone as any other. Its payment is refunded, unless a dispute has done that.

    Raises:
        NoSuchHoldError: there is no such hold in force, or the order has left or was rejected.
    """
    held = {hold.cause: hold for hold in order.held}
    if cause not in held:
        raise NoSuchHoldError(f"order {order.order_id} is {order.state}, not held by {cause!r}")
    if order.state in (OrderState.REJECTED, OrderState.DISPATCHED):
        raise NoSuchHoldError(
            f"order {order.order_id} is {order.state}: it can no longer be cancelled"
        )
    hold = held[cause]
    return cancel(order, now=now, reason=hold.reason, explanation=hold.explanation)


def mark_hold_missed(order: Order, *, now: str) -> Order:
    """Return a dispatched order with its first hold in force marked as missed, which has an event.

    An order that was not dispatched, or has no hold in force, is unchanged.
    """
    if order.state != OrderState.DISPATCHED or not order.held:
        return order
    return _with_out_of_band_event(
        _with_hold_state(order, order.held[0].cause, state=HoldState.MISSED, now=now)
    )


def _with_hold_state(order: Order, cause: str, *, state: HoldState, now: str) -> Order:
    holds = (
        replace(hold, state=state, at=now) if hold.cause == cause else hold for hold in order.holds
    )
    return replace(order, holds=tuple(holds))


def _with_out_of_band_event(order: Order) -> Order:
    return replace(
        order, sequence=order.sequence + 1, out_of_band_events=order.out_of_band_events + 1
    )

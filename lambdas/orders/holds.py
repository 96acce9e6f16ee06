"""Holding an order: what keeps it from leaving, until that is lifted.

A hold is told beside what the saga tells: it never waits for the saga, nor disturbs it.
"""

from dataclasses import replace

from lambdas.orders.domain import DISPATCHED, HELD, HOLDABLE, LIFTED, MISSED, Hold, Order


class NoSuchHoldError(Exception):
    """There is no hold to lift: none was asked for, or there is nothing that it could keep."""


def hold(order: Order, *, cause: str, reason: str, explanation: str, now: str) -> Order:
    """The order as it is once something asks for it to stay; unchanged if that was heard before.

    ``cause`` is the id of the message that asks, ``reason`` a name, and ``explanation`` is for the
    customer, who sees both. Where it comes too late, that goes on record and is told.
    """
    if any(known.cause == cause for known in order.holds):
        return order
    new = Hold(
        cause=cause,
        reason=reason,
        explanation=explanation,
        state=HELD if order.state in HOLDABLE else MISSED,
        at=now,
    )
    return _with_out_of_band_event(replace(order, holds=(*order.holds, new)))


def lift_hold(order: Order, *, cause: str, now: str) -> Order:
    """The order once that hold is lifted; unchanged if it is. That of the last hold is told.

    Raises:
        NoSuchHoldError: the message names the holds in force.
    """
    known = {hold.cause: hold.state for hold in order.holds}.get(cause, MISSED)
    if known == LIFTED:
        return order
    if known == MISSED or order.state not in HOLDABLE:
        there_are = ", ".join(f"{hold.cause} ({hold.reason})" for hold in order.held) or "nothing"
        raise NoSuchHoldError(
            f"order {order.order_id} is {order.state} and held by {there_are}, not by {cause!r}"
        )
    lifted = _with_hold_state(order, cause, state=LIFTED, now=now)
    return lifted if lifted.held else _with_out_of_band_event(lifted)


def mark_hold_missed(order: Order, *, now: str) -> Order:
    """An order that has left in spite of a hold, once that is on record; unchanged if it has not.

    It is to be told: whoever asked for the hold has to hear that it came too late.
    """
    if order.state != DISPATCHED or not order.held:
        return order
    return _with_out_of_band_event(
        _with_hold_state(order, order.held[0].cause, state=MISSED, now=now)
    )


def _with_hold_state(order: Order, cause: str, *, state: str, now: str) -> Order:
    holds = (
        replace(hold, state=state, at=now) if hold.cause == cause else hold for hold in order.holds
    )
    return replace(order, holds=tuple(holds))


def _with_out_of_band_event(order: Order) -> Order:
    return replace(
        order, sequence=order.sequence + 1, out_of_band_events=order.out_of_band_events + 1
    )

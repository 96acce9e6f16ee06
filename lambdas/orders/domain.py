"""What an order is, and what may become of it."""

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from lambdas.contracts.event import CANCELLED as CANCELLED_BY_CUSTOMER
from lambdas.contracts.event import TECHNICAL_FAILURE

PLACED, CONFIRMED, REJECTED = "PLACED", "CONFIRMED", "REJECTED"
WITHDRAWN, CANCELLED, DISPATCHED = "WITHDRAWN", "CANCELLED", "DISPATCHED"
UNDONE_STATES = (CANCELLED, REJECTED)
TERMINAL_STATES = (*UNDONE_STATES, DISPATCHED)
HOLDABLE = (PLACED, CONFIRMED)
"""An order in another state has left, is over, or is being undone: to hold it comes too late."""
HELD, LIFTED, MISSED = "HELD", "LIFTED", "MISSED"
MAX_CLAIMS = 100
"""So many executions that claimed an order are kept on its row, of which DynamoDB takes 400 KB: a
saga that fails for ever is begun again for ever.
"""
STALLED_AFTER = timedelta(minutes=5)
"""For how long nobody looks after an order of which something was just told."""


class KeyReusedError(Exception):
    """The Idempotency-Key was used for a different order."""


class TooLateError(Exception):
    """The order is on its way to the customer and can no longer be cancelled."""


class UnknownOrderError(Exception):
    """There is no such order."""


class UnexpectedDispatchError(Exception):
    """A shipment left for an order that was never confirmed, or that has been undone."""


class OrderNotUndoneError(Exception):
    """An order that was not to be undone cannot be repaired: nothing of it is to be given back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Why an order was to stay.

    It is HELD while it is in force, then LIFTED; or MISSED, when it came too late. ``cause`` is the
    id of the message that asked for it, ``at`` the time since which its state is what it is.
    """

    cause: str
    reason: str
    explanation: str
    state: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order as its table keeps it.

    ``sequence`` counts the events told of it. ``fingerprint`` tells a client's retry from another
    order under the same key. ``claim_owner`` is the saga execution that works on it until
    ``claim_until`` (seconds since 1970); ``claimed_by`` are the first ``MAX_CLAIMS`` that did.
    ``failed_compensations`` names compensations that came to wait for a person, ``completed_compensations`` those that have
    succeeded since, maybe before ``failed_compensations`` was written. ``open_shard`` is there until the order is
    confirmed or over, and says in which shard of the index of such orders it is to be found;
    ``check_after`` is when somebody has to look after it. ``closed_shard`` says the same of those that are
    over.
    ``dedup_bucket`` names the minutes in which it was placed and the shard of their orders,
    ``dedup_key`` is the same for orders that look the same; ``duplicate_of`` is the earlier order
    that this one was found to repeat. ``holds`` are all there were, in the order in which they were
    asked for; ``out_of_band_events`` counts what was told of them since the event that started the saga, which
    itself counts from that event.
    """

    order_id: str
    customer_id: str
    state: str
    sequence: int
    fingerprint: str
    request_id: str
    currency: str
    country: str
    lines: Sequence[Mapping[str, Any]]
    total: int
    placed_at: str
    changed_at: str
    reason: str | None = None
    explanation: str | None = None
    claim_owner: str | None = None
    claim_until: int | None = None
    claimed_by: Set[str] | None = None
    cancel_requested_at: str | None = None
    open_shard: str | None = None
    check_after: str | None = None
    closed_shard: str | None = None
    dedup_bucket: str | None = None
    dedup_key: str | None = None
    duplicate_of: str | None = None
    failed_compensations: Sequence[str] = ()
    completed_compensations: Sequence[str] = ()
    holds: tuple[Hold, ...] = ()
    out_of_band_events: int = 0

    @property
    def held(self) -> Sequence[Hold]:
        """The holds in force: as long as there is one, the order does not leave."""
        return [hold for hold in self.holds if hold.state == HELD]

    @property
    def customer_explanation(self) -> str:
        """Why it was undone, for its customer; what failed inside is for operators, on the row."""
        if self.reason == TECHNICAL_FAILURE:
            return "something went wrong on our side"
        return self.explanation or ""

    def same_request_as(self, other: "Order") -> bool:
        """Whether both come from the same request, however often it was sent."""
        return self.fingerprint == other.fingerprint

    @property
    def outstanding_compensations(self) -> Sequence[str]:
        """The compensations that still wait for a person."""
        return [
            name for name in self.failed_compensations if name not in self.completed_compensations
        ]


def order_id(customer_id: str, idempotency_key: str) -> str:
    """The id of the order that this customer sends under this key: a retry is the same order."""
    return sha256(f"{len(customer_id)}:{customer_id}{idempotency_key}".encode()).hexdigest()[:32]


def is_order_id(text: str) -> bool:
    """Whether ``text`` could be the id of an order."""
    return re.fullmatch("[0-9a-f]{32}", text) is not None


def shard(order_id: str) -> str:
    """Which shard of an index the order belongs to: ids are digests, so any digit spreads them."""
    return order_id[0]


def next_check(now: str) -> str:
    """When somebody has to look after an order of which something is told now; UTC, ISO 8601."""
    return (datetime.fromisoformat(now) + STALLED_AFTER).isoformat()


def cancel(
    order: Order,
    *,
    now: str,
    reason: str = CANCELLED_BY_CUSTOMER,
    explanation: str = "cancelled by the customer",
) -> Order:
    """The order as it is once it has been cancelled; unchanged if there is nothing to do.

    ``reason`` and ``explanation`` are for its customer. Before the saga has claimed it, it is
    cancelled at once. While the saga works on it, the wish is put on record, and the saga's last
    write heeds it. A confirmed order is withdrawn, and a saga of its own undoes what was done.

    Raises:
        TooLateError: it was dispatched.
    """
    if order.state == DISPATCHED:
        raise TooLateError(f"order {order.order_id} is on its way and cannot be cancelled")
    if order.state == PLACED and order.claim_owner is None:
        return replace(
            order,
            state=CANCELLED,
            reason=reason,
            explanation=explanation,
            sequence=order.sequence + 1,
            changed_at=now,
            open_shard=None,
            check_after=None,
            closed_shard=shard(order.order_id),
        )
    if order.state == PLACED and order.cancel_requested_at is None:
        return replace(order, cancel_requested_at=now, reason=reason, explanation=explanation)
    if order.state == CONFIRMED:
        return replace(
            order,
            state=WITHDRAWN,
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
        )
    return order


def dispatch(order: Order, *, now: str) -> Order:
    """The order as it is once its shipment has left.

    That undoes a withdrawal which came too late. Its saga hears the same from shipping, and writes
    the same under the same sequence number: whoever is first, it is told once.

    Raises:
        UnexpectedDispatchError: a person has to look where the goods are.
    """
    if order.state == DISPATCHED:
        return order
    if order.state not in (CONFIRMED, WITHDRAWN):
        raise UnexpectedDispatchError(
            f"order {order.order_id} is {order.state}, and was dispatched"
        )
    return replace(
        order,
        state=DISPATCHED,
        reason=None,
        explanation=None,
        sequence=order.sequence + 1,
        changed_at=now,
        open_shard=None,
        check_after=None,
        closed_shard=shard(order.order_id),
    )


def complete_compensation(order: Order, compensation: str | None) -> Order:
    """The order as it is once a parked compensation has succeeded; there is nothing to tell.

    What has succeeded once stays undone, so it counts for good, whenever it is parked.

    Raises:
        OrderNotUndoneError: the order stands, or is still open.
    """
    if compensation is None or compensation in order.completed_compensations:
        return order
    if order.state not in UNDONE_STATES:
        raise OrderNotUndoneError(
            f"order {order.order_id} is {order.state}: {compensation} is no repair of it"
        )
    return replace(order, completed_compensations=(*order.completed_compensations, compensation))


def is_stalled(order: Order, *, now: int) -> bool:
    """Whether nobody works on an open order: unclaimed, or its claim's lease ran out.

    ``now`` is in seconds since 1970, as the claim's end is.
    """
    return order.state in (PLACED, WITHDRAWN) and (order.claim_until or 0) < now


def reschedule_check(order: Order, *, now: datetime) -> Order:
    """The order as it is once somebody has looked after it.

    The next to look is there when its claim runs out; if nobody works on it, when patience does.
    Where too many have claimed it, the last of them is known by its claim only, until the next.
    """
    then = now + STALLED_AFTER
    if order.claim_until and order.claim_until >= int(now.timestamp()):
        then = datetime.fromtimestamp(order.claim_until + 1, UTC)
    claims = order.claimed_by
    if claims and len(claims) > MAX_CLAIMS:
        claims -= {order.claim_owner}
    return replace(order, check_after=then.isoformat(), claimed_by=claims)


def is_expired(order: Order, *, before: str) -> bool:
    """Whether the order may go: it was over ``before`` that time, and nobody has to see to it."""
    return (
        order.state in TERMINAL_STATES
        and not order.outstanding_compensations
        and order.changed_at < before
    )


def customer_view(order: Order) -> dict[str, Any]:
    """The order as its customer sees it."""
    shown = {
        "order_id": order.order_id,
        "state": order.state,
        "currency": order.currency,
        "country": order.country,
        "lines": list(order.lines),
        "total": order.total,
        "placed_at": order.placed_at,
        "changed_at": order.changed_at,
    }
    if order.reason:
        shown |= {"reason": order.reason, "explanation": order.customer_explanation}
    if order.held and order.state in HOLDABLE:
        shown["held"] = [
            {"reason": hold.reason, "explanation": hold.explanation, "since": hold.at}
            for hold in order.held
        ]
    return shown

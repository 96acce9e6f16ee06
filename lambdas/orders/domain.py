"""An order: its columns, its identity, and the changes that shipping and repairs make to it."""

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Any

from lambdas.contracts.bounds import ArrayBounds, IntegerBounds, TextBounds
from lambdas.contracts.commands import TECHNICAL_FAILURE
from lambdas.contracts.order_states import TERMINAL_STATES, UNDONE_STATES, OrderState
from lambdas.contracts.orders import DISPUTED
from lambdas.contracts.values import (
    Country,
    Currency,
    Identifier,
    PricedLines,
    SequenceNumber,
    Time,
)

STALLED_AFTER = timedelta(minutes=5)
"""How long after an event of an open order the first check whether it has stalled takes place."""
LAST_SECOND = 7_258_118_399
"""The last second of the year 2199, since 1970: times of contracts end there."""
MAX_HOLDS = 100
"""How often an order can be held. A view's row has an attribute for each event, and 400 KB."""


class KeyReusedError(Exception):
    """The Idempotency-Key was used for a different order, or for one that has expired."""


class UnknownOrderError(Exception):
    """There is no such order."""


class UnexpectedDispatchError(Exception):
    """A shipment was dispatched for an order that was never confirmed, or that has been undone."""


class NotDeferredError(Exception):
    """The order is not deferred, so it cannot be resumed."""


class OrderNotUndoneError(Exception):
    """A compensation was reported for an order that was not undone: there is nothing to repair."""


class HoldState(StrEnum):
    """The states of a hold."""

    HELD = "HELD"
    """It is in force: the order is not dispatched."""
    LIFTED = "LIFTED"
    """An operator lifted it."""
    MISSED = "MISSED"
    """It came too late: the order had left, had ended or was being undone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A hold: a reason why an order must not be dispatched."""

    cause: str
    """The id of the event that requested the hold."""
    reason: str
    """A name, such as ``PaymentDisputed``."""
    explanation: str
    """A text for the customer."""
    state: HoldState
    at: Time
    """When the hold came into its state; UTC, ISO 8601."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order, field by field as its table stores it. Times are UTC, ISO 8601."""

    order_id: Identifier
    customer_id: Identifier
    state: OrderState
    sequence: SequenceNumber
    """The number of events published for the order."""
    fingerprint: str
    """A digest of the request. It separates a retry from another order under the same key."""
    request_id: str
    currency: Currency
    country: Country
    lines: PricedLines
    total: int
    """In minor units of ``currency``."""
    placed_at: Time
    changed_at: Time
    reason: str | None = None
    """Why the order is undone: the name of a refusal, a cancellation or ``TechnicalFailure``."""
    explanation: Annotated[str, TextBounds(maximum=40_000)] | None = None
    """The same as a sentence, or a failed step's error: AWS keeps 32,768 characters of one."""
    claim_owner: str | None = None
    """The id of the saga execution that works on the order."""
    claim_until: Annotated[int, IntegerBounds(maximum=LAST_SECOND)] | None = None
    """When the claim expires, in seconds since 1970."""
    claimed_by: Set[str] | None = None
    """The first ``MAX_CLAIMS`` executions that claimed the order, and the one that does now."""
    cancel_requested_at: Time | None = None
    """When a cancellation was requested that the saga has to carry out."""
    open_shard: str | None = None
    """The order's shard in the index of orders to check; absent once it has ended."""
    check_after: Time | None = None
    """When to check whether an open order has stalled, or a confirmed one is not dispatched."""
    closed_shard: str | None = None
    """The order's shard in the index of closed orders; absent until it has ended."""
    deferred_shard: str | None = None
    """The order's shard in the index of deferred orders."""
    deferred_since: Time | None = None
    """When a saga first deferred the order. An outcome removes this and what follows."""
    deferred_step: str | None = None
    """The state of the saga that failed last."""
    deferred_error: str | None = None
    """The name of the error with which it failed."""
    deferrals: int | None = None
    """How often the order was deferred."""
    attention_requested_at: Time | None = None
    """When an operator's attention was requested; None if it was not."""
    dedup_bucket: str | None = None
    """The period in which it was placed and a shard; absent once judged a duplicate, or undone."""
    dedup_key: str | None = None
    """A digest that is equal for orders that look the same, and the time of placing."""
    duplicate_of: str | None = None
    """The id of the earlier order that this one repeats."""
    failed_compensations: Sequence[str] = ()
    """The compensations that failed for good and wait on the repair queue."""
    completed_compensations: Sequence[str] = ()
    """Those that succeeded since, possibly before ``failed_compensations`` was written."""
    holds: Annotated[tuple[Hold, ...], ArrayBounds(maximum=MAX_HOLDS)] = ()
    """All holds that were ever requested, in the order of the requests."""
    out_of_band_events: int = 0
    """Events published for the order, not by the saga, since the event that started the saga.

    The saga derives its own sequence numbers from that event's, and adds this count.
    """

    @property
    def held(self) -> Sequence[Hold]:
        """The holds in force. While there is one, the order is not dispatched."""
        return [hold for hold in self.holds if hold.state == HoldState.HELD]

    @property
    def is_disputed(self) -> bool:
        """Whether a dispute about its payment holds the order."""
        return any(hold.reason == DISPUTED for hold in self.held)

    @property
    def customer_explanation(self) -> str:
        """Why the order was undone, in words for its customer.

        Technical details stay in the row.
        """
        if self.reason == TECHNICAL_FAILURE:
            return "something went wrong on our side"
        return self.explanation or ""

    def same_request_as(self, other: "Order") -> bool:
        """Whether both orders come from the same request, sent more than once."""
        return self.fingerprint == other.fingerprint

    @property
    def deferred_because(self) -> str:
        """What the order waits for, in words for operators."""
        return f"{self.deferred_step}: {self.deferred_error}" if self.deferred_since else ""

    @property
    def outstanding_compensations(self) -> Sequence[str]:
        """The failed compensations that an operator still has to repair."""
        return [
            name for name in self.failed_compensations if name not in self.completed_compensations
        ]


NO_LONGER_WAITING: Mapping[str, Any] = {
    "deferred_shard": None,
    "deferred_since": None,
    "deferred_step": None,
    "deferred_error": None,
    "deferrals": None,
    "attention_requested_at": None,
}
"""The columns of an order that is not, or no longer, kept waiting."""
NO_LONGER_OPEN: Mapping[str, Any] = {"open_shard": None, "check_after": None, **NO_LONGER_WAITING}
"""The columns of an order that has ended."""


def order_id(customer_id: str, idempotency_key: str) -> str:
    """Return the id of a customer's order under this key. A retry gets the same id."""
    return sha256(f"{len(customer_id)}:{customer_id}{idempotency_key}".encode()).hexdigest()[:32]


def is_order_id(text: str) -> bool:
    """Whether ``text`` could be the id of an order."""
    return re.fullmatch("[0-9a-f]{32}", text) is not None


def shard(order_id: str) -> str:
    """Return the order's shard in the indexes: the first digit of its id, which is a digest."""
    return order_id[0]


def next_check(now: str) -> str:
    """Return when an open order, last changed at ``now``, is to be checked; both UTC, ISO 8601."""
    return (datetime.fromisoformat(now) + STALLED_AFTER).isoformat()


def dispatch(order: Order, *, now: str) -> Order:
    """Return the order as dispatched; unchanged if it was already.

    A dispatch overrides a withdrawal that came too late. Shipping also refuses the withdrawal
    saga's compensation. The saga then writes the same state under the same sequence number, so the
    event is published once.

    Raises:
        UnexpectedDispatchError: the order should not have been dispatched. An operator has to find
            the goods.
    """
    if order.state == OrderState.DISPATCHED:
        return order
    if order.state not in (OrderState.CONFIRMED, OrderState.WITHDRAWN):
        raise UnexpectedDispatchError(
            f"order {order.order_id} is {order.state}, and was dispatched"
        )
    return replace(
        order,
        state=OrderState.DISPATCHED,
        reason=None,
        explanation=None,
        sequence=order.sequence + 1,
        changed_at=now,
        closed_shard=shard(order.order_id),
        **NO_LONGER_OPEN,
    )


def complete_compensation(order: Order, compensation: str | None) -> Order:
    """Return the order with the compensation marked as completed. This publishes no event.

    The mark stays, even if it is made before the compensation's failure is recorded.

    Raises:
        OrderNotUndoneError: the order was not undone.
    """
    if compensation is None or compensation in order.completed_compensations:
        return order
    if order.state not in UNDONE_STATES:
        raise OrderNotUndoneError(
            f"order {order.order_id} is {order.state}: {compensation} is no repair of it"
        )
    return replace(order, completed_compensations=(*order.completed_compensations, compensation))


def is_expired(order: Order, *, before: str) -> bool:
    """Whether the order may be deleted: it ended ``before``, and no compensation is outstanding."""
    return (
        order.state in TERMINAL_STATES
        and not order.outstanding_compensations
        and order.changed_at < before
    )

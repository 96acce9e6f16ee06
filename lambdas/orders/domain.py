"""What an order is, which requests are good ones, and what is told when an order changes."""

import json
import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, TypeGuard

from lambdas.contracts.event import CANCELLED as CANCELLED_BY_CUSTOMER
from lambdas.contracts.event import Event, Fact, event_id, tell
from lambdas.contracts.orders import (
    SOURCE,
    OrderCancelled,
    OrderConfirmed,
    OrderDispatched,
    OrderHeld,
    OrderHoldLifted,
    OrderNeedsAttention,
    OrderNotHeld,
    OrderPlaced,
    OrderRejected,
    OrderWithdrawn,
)
from lambdas.contracts.values import MAX_SKUS, Money, PricedLine

MAX_QUANTITY = 100_000
MAX_UNIT_PRICE = 100_000_000
MAX_TEXT = 64

PLACED, CONFIRMED, REJECTED = "PLACED", "CONFIRMED", "REJECTED"
WITHDRAWN, CANCELLED, DISPATCHED = "WITHDRAWN", "CANCELLED", "DISPATCHED"
ENDED = (CANCELLED, REJECTED)
OVER = (*ENDED, DISPATCHED)
HOLDABLE = (PLACED, CONFIRMED)
"""An order in another state has left, is over, or is being undone: to hold it comes too late."""
HELD, LIFTED, MISSED = "HELD", "LIFTED", "MISSED"
BARE: Mapping[str, Callable[..., Event]] = {
    WITHDRAWN: OrderWithdrawn,
    CANCELLED: OrderCancelled,
    DISPATCHED: OrderDispatched,
}
"""What tells of a state and nothing more."""
PATIENCE = timedelta(minutes=5)
"""For how long nobody looks after an order of which something was just told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with one field of a request."""

    field: str
    problem: str


class BadRequestError(Exception):
    """The request is not an order; ``problems`` names every bad field."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{p.field} {p.problem}" for p in problems))
        self.problems = problems


class KeyReusedError(Exception):
    """The Idempotency-Key was used for a different order."""


class TooLateError(Exception):
    """The order is on its way to the customer and can no longer be cancelled."""


class UnknownOrderError(Exception):
    """There is no such order."""


class NotToBeDispatchedError(Exception):
    """A shipment left for an order that was never confirmed, or that has been undone."""


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
    ``claim_until`` (seconds since 1970); ``claimed_by`` are all that ever did. ``parked`` names
    compensations that came to wait for a person, ``repaired`` those that have succeeded since,
    maybe before ``parked`` was written. ``unfinished`` is there until the order is confirmed or
    over, and says in which shard of the index of such orders it is to be found; ``look_at`` is when
    somebody has to look after it. ``ended`` says the same of those that are over.
    ``placed_in`` names the minutes in which it was placed and the shard of their orders,
    ``likeness`` is the same for orders that look the same; ``duplicate_of`` is the earlier order
    that this one was found to repeat. ``holds`` are all there were, in the order in which they were
    asked for; ``asides`` counts what was told of them since the event that started the saga, which
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
    unfinished: str | None = None
    look_at: str | None = None
    ended: str | None = None
    placed_in: str | None = None
    likeness: str | None = None
    duplicate_of: str | None = None
    parked: Sequence[str] = ()
    repaired: Sequence[str] = ()
    holds: tuple[Hold, ...] = ()
    asides: int = 0

    @property
    def held(self) -> Sequence[Hold]:
        """The holds in force: as long as there is one, the order does not leave."""
        return [hold for hold in self.holds if hold.state == HELD]

    def same_request_as(self, other: "Order") -> bool:
        """Whether both come from the same request, however often it was sent."""
        return self.fingerprint == other.fingerprint

    @property
    def waiting(self) -> Sequence[str]:
        """The compensations that still wait for a person."""
        return [name for name in self.parked if name not in self.repaired]


def order_id(customer_id: str, idempotency_key: str) -> str:
    """The id of the order that this customer sends under this key: a retry is the same order."""
    return sha256(f"{len(customer_id)}:{customer_id}{idempotency_key}".encode()).hexdigest()[:32]


def is_order_id(text: str) -> bool:
    """Whether ``text`` could be the id of an order."""
    return re.fullmatch("[0-9a-f]{32}", text) is not None


def place(
    body: object, *, customer_id: str, idempotency_key: str, request_id: str, now: str
) -> Order:
    """Make an order of a request's body.

    The body is ``{"currency": "GBP", "country": "United Kingdom", "lines": [{"sku": "85123A",
    "quantity": 6, "unit_price": 255}]}``, prices in minor units. Lines of one SKU at one price are
    summed.

    Raises:
        BadRequestError: naming every bad field.
    """
    problems: list[Problem] = []
    fields = body if isinstance(body, Mapping) else {}
    if not isinstance(body, Mapping):
        problems.append(Problem(field="body", problem="must be a JSON object"))
    if not 1 <= len(idempotency_key) <= MAX_TEXT:
        problems.append(
            Problem(field="Idempotency-Key", problem=f"must be a header of 1 to {MAX_TEXT} letters")
        )
    currency = _currency(fields.get("currency"), problems)
    country = _text(fields, "country", problems)
    lines = _lines(fields.get("lines"), problems)
    if problems:
        raise BadRequestError(problems)
    rows = [asdict(line) for line in lines]
    id_ = order_id(customer_id, idempotency_key)
    return Order(
        order_id=id_,
        customer_id=customer_id,
        state=PLACED,
        sequence=1,
        fingerprint=sha256(json.dumps([currency, country, rows]).encode()).hexdigest(),
        request_id=request_id,
        currency=currency,
        country=country,
        lines=rows,
        total=sum(line.quantity * line.unit_price for line in lines),
        placed_at=now,
        changed_at=now,
        unfinished=shard(id_),
        look_at=(datetime.fromisoformat(now) + PATIENCE).isoformat(),
    )


def shard(order_id: str) -> str:
    """Which shard of an index the order belongs to: ids are digests, so any digit spreads them."""
    return order_id[0]


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
            unfinished=None,
            look_at=None,
            ended=shard(order.order_id),
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
            unfinished=shard(order.order_id),
            asides=0,
            look_at=now,
        )
    return order


def dispatch(order: Order, *, now: str) -> Order:
    """The order as it is once its shipment has left.

    That undoes a withdrawal which came too late. Its saga hears the same from shipping, and writes
    the same under the same sequence number: whoever is first, it is told once.

    Raises:
        NotToBeDispatchedError: a person has to look where the goods are.
    """
    if order.state == DISPATCHED:
        return order
    if order.state not in (CONFIRMED, WITHDRAWN):
        raise NotToBeDispatchedError(f"order {order.order_id} is {order.state}, and was dispatched")
    return replace(
        order,
        state=DISPATCHED,
        reason=None,
        explanation=None,
        sequence=order.sequence + 1,
        changed_at=now,
        unfinished=None,
        look_at=None,
        ended=shard(order.order_id),
    )


def repair(order: Order, compensation: str | None) -> Order:
    """The order as it is once a parked compensation has succeeded; there is nothing to tell.

    What has succeeded once stays undone, so it counts for good, whenever it is parked.
    """
    if compensation is None or compensation in order.repaired:
        return order
    return replace(order, repaired=(*order.repaired, compensation))


def overdue(order: Order, *, now: int) -> bool:
    """Whether nobody works on an unfinished order: unclaimed, or its claim's lease ran out.

    ``now`` is in seconds since 1970, as the claim's end is.
    """
    return order.state in (PLACED, WITHDRAWN) and (order.claim_until or 0) < now


def looked_after(order: Order, *, now: datetime) -> Order:
    """The order as it is once somebody has looked after it.

    The next to look is there when its claim runs out; if nobody works on it, when patience does.
    """
    then = now + PATIENCE
    if order.claim_until and order.claim_until >= int(now.timestamp()):
        then = datetime.fromtimestamp(order.claim_until + 1, UTC)
    return replace(order, look_at=then.isoformat())


def expired(order: Order, *, before: str) -> bool:
    """Whether the order may go: it was over ``before`` that time, and nobody has to see to it."""
    return order.state in OVER and not order.parked and order.changed_at < before


def _currency(value: object, problems: list[Problem]) -> str:
    if not isinstance(value, str) or not re.fullmatch("[A-Z]{3}", value):
        problems.append(Problem(field="currency", problem="must be three capitals, such as GBP"))
        return ""
    return value


def _text(fields: Mapping[str, Any], name: str, problems: list[Problem]) -> str:
    value = fields.get(name)
    if not _is_text(value) or not 1 <= len(value.strip()) <= MAX_TEXT:
        problem = f"must be a text of 1 to {MAX_TEXT} letters"
        problems.append(Problem(field=name, problem=problem))
        return ""
    return value.strip()


def _is_text(value: object) -> TypeGuard[str]:
    """Whether it is a text that can be stored: JSON can also spell one half of a character."""
    return isinstance(value, str) and value.encode(errors="ignore").decode() == value


def _lines(value: object, problems: list[Problem]) -> list[PricedLine]:
    if not isinstance(value, list) or not value:
        problems.append(Problem(field="lines", problem="must be an array of at least one line"))
        return []
    summed: dict[str, PricedLine] = {}
    for i, raw in enumerate(value):
        line = _line(f"lines[{i}]", raw, problems)
        if line is None:
            continue
        before = summed.get(line.sku, replace(line, quantity=0))
        if before.unit_price != line.unit_price:
            problem = f"differs from the price of another line of {line.sku}"
            problems.append(Problem(field=f"lines[{i}].unit_price", problem=problem))
        summed[line.sku] = replace(line, quantity=before.quantity + line.quantity)
        if summed[line.sku].quantity > MAX_QUANTITY:
            problem = f"makes more than {MAX_QUANTITY} of {line.sku}"
            problems.append(Problem(field=f"lines[{i}].quantity", problem=problem))
    if len(summed) > MAX_SKUS:
        problem = f"must name at most {MAX_SKUS} SKUs, not {len(summed)}"
        problems.append(Problem(field="lines", problem=problem))
    return list(summed.values())


def _line(place: str, raw: object, problems: list[Problem]) -> PricedLine | None:
    if not isinstance(raw, Mapping):
        problems.append(Problem(field=place, problem="must be an object"))
        return None
    found = len(problems)
    sku = raw.get("sku")
    if not _is_text(sku) or not 1 <= len(sku) <= MAX_TEXT or sku != sku.strip():
        problem = f"must be a text of 1 to {MAX_TEXT} letters without space around it"
        problems.append(Problem(field=f"{place}.sku", problem=problem))
    for name, most in (("quantity", MAX_QUANTITY), ("unit_price", MAX_UNIT_PRICE)):
        number = raw.get(name)
        if type(number) is not int or not 1 <= number <= most:
            problem = f"must be a whole number from 1 to {most}"
            problems.append(Problem(field=f"{place}.{name}", problem=problem))
    if len(problems) > found:
        return None
    return PricedLine(sku=raw["sku"], quantity=raw["quantity"], unit_price=raw["unit_price"])


def view(order: Order) -> dict[str, Any]:
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
        shown |= {"reason": order.reason, "explanation": order.explanation or ""}
    if order.held and order.state in HOLDABLE:
        shown["held"] = [
            {"reason": hold.reason, "explanation": hold.explanation, "since": hold.at}
            for hold in order.held
        ]
    return shown


def announcement(before: Order | None, after: Order) -> Fact[Any] | None:
    """What to tell the others of a change of an order's row; None when there is nothing to tell.

    The row is its own outbox: each write that has something to tell counts ``sequence`` up, so the
    change says all, and saying it again gives the same event.
    """
    if before is not None and before.sequence == after.sequence:
        return None
    if before is not None and before.holds != after.holds:
        return _told_of_hold(before, after)
    # What is told again was told before the asides that there have been since.
    number = after.sequence if before else after.sequence - after.asides
    first = number == 1
    return tell(
        _event(before, after),
        subject=after.order_id,
        sequence=number,
        correlation_id=after.order_id,
        causation_id=after.request_id if first else event_id(SOURCE, after.order_id, 1),
        # The saga may touch a placed order again before it ends it.
        occurred_at=after.placed_at if first else after.changed_at,
    )


def _told_of_hold(before: Order, after: Order) -> Fact[Any]:
    (changed,) = (hold for hold in after.holds if hold not in before.holds)
    order = {"order_id": after.order_id, "customer_id": after.customer_id, "reason": changed.reason}
    event: Event
    if changed.state == HELD:
        event = OrderHeld(**order, explanation=changed.explanation)
    elif changed.state == LIFTED:
        event = OrderHoldLifted(**order)
    else:
        event = OrderNotHeld(**order, explanation=changed.explanation, state=after.state)
    return tell(
        event,
        subject=after.order_id,
        sequence=after.sequence,
        correlation_id=after.order_id,
        causation_id=changed.cause,
        occurred_at=changed.at,
    )


def _event(before: Order | None, after: Order) -> Event:
    if before is not None and before.parked != after.parked:
        return OrderNeedsAttention(
            order_id=after.order_id, customer_id=after.customer_id, parked=tuple(after.parked)
        )
    if after.state in BARE:
        return BARE[after.state](order_id=after.order_id, customer_id=after.customer_id)
    if after.state == REJECTED:
        return OrderRejected(
            order_id=after.order_id,
            customer_id=after.customer_id,
            reason=after.reason or "",
            explanation=after.explanation or "",
        )
    kind = {PLACED: OrderPlaced, CONFIRMED: OrderConfirmed}[after.state]
    return kind(
        order_id=after.order_id,
        customer_id=after.customer_id,
        lines=tuple(PricedLine(**line) for line in after.lines),
        total=Money(amount=after.total, currency=after.currency),
        country=after.country,
    )

"""Find the problems of an order that do not resolve themselves."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

from lambdas.contracts.event import Event
from lambdas.contracts.order_states import FULFILLED_STATES, UNDONE_STATES, OrderState
from lambdas.contracts.orders import (
    OrderCancelled,
    OrderConfirmed,
    OrderDispatched,
    OrderRejected,
)
from lambdas.notifications.email_records import INVOICE, SENDING, EmailRecord
from lambdas.orders.domain import Order
from lambdas.orders.rows import order_of
from lambdas.orders.stalled_orders import is_stalled
from lambdas.storefront.order_upserts import events_of
from ops.orders.records import OrderRecords
from ops.orders.row_checks import parse_email

OVERDUE_AFTER = timedelta(minutes=10)
"""After this time, a missing step needs an operator.

Schedules run every minute, and views are seconds behind.
"""
UNPUBLISHED_AFTER = timedelta(minutes=1)
"""After this time, an event that is not in the timeline is late: that takes seconds."""
MAX_NAMED = 10
"""How many of a timeline's missing events are named."""
FORBIDDEN_WHEN_UNDONE = {
    "payments": {"PENDING", "TAKEN"},
    "inventory": {"WAITING", "RESERVED", "SHIPPING", "SHIPPED"},
    "shipping": {"BOOKED", "DISPATCHED"},
}
"""States of other services' rows that contradict an order that is undone."""
FORBIDDEN_WHEN_FULFILLED = {
    "payments": {None, "PENDING", "DECLINED", "REFUNDED"},
    "inventory": {None, "WAITING", "REFUSED", "RELEASING", "RELEASED"},
    "shipping": {None, "REFUSED", "CANCELLED"},
}
"""States that contradict an order that is fulfilled; None stands for no row."""
DUE_EMAILS: Mapping[OrderState, Sequence[type[Event]]] = {
    OrderState.CONFIRMED: (OrderConfirmed,),
    OrderState.WITHDRAWN: (OrderConfirmed,),
    OrderState.DISPATCHED: (OrderConfirmed, OrderDispatched),
    OrderState.REJECTED: (OrderRejected,),
    OrderState.CANCELLED: (OrderCancelled,),
}
"""The events that the customer of an order in this state has been notified of.

Whether a cancelled order was confirmed before, its row does not say, but its timeline does.
"""


def find_problems(known: OrderRecords, *, now: datetime) -> Iterator[str]:
    """Yield the problems of an order, by the records of all services, as sentences."""
    order = order_of(known.order)
    yield from order_problems(order, now=now)
    yield from _contradictions(known)
    yield from _missing_next_step(known, order, now)
    yield from _unpublished(known, order, now)
    if emails := known.records.get("notifications"):
        mails = map(parse_email, emails["emails"])
        yield from email_problems(order, mails, now=now, confirmed=_was_confirmed(known))
    for entry in (known.records.get("payments") or {}).get("entries", ()):
        if not entry["published"] and now - _time(entry["occurred_at"]) > OVERDUE_AFTER:
            yield f"the ledger's {entry['kind']} was never published"
    for dead_letter in known.dead_letters:
        too = f" (so has {dead_letter.twin_in})" if dead_letter.twin_in else ""
        yield f"{dead_letter.queue} has a dead letter of it{too}: {dead_letter.what}"


def order_problems(order: Order, *, now: datetime) -> Iterator[str]:
    """Yield the problems of an order that its own row shows."""
    for name in order.outstanding_compensations:
        yield f"{name} failed for good and waits for a person"
    if order.attention_requested_at:
        waits_for = order.deferred_because or "too long"
        yield f"a person was called because it is {order.state} and waits: {waits_for}"
    since = _unattended_since(order)
    if is_stalled(order, now=int(now.timestamp())) and now - since > OVERDUE_AFTER:
        yield f"it is {order.state}, and no saga has worked on it since {since:%Y-%m-%d %H:%M:%S}"


def due_emails(order: Order) -> list[str]:
    """Return the kinds of the e-mails that an order's customer should have, without an invoice."""
    return [event.detail_type for event in DUE_EMAILS.get(order.state, ())]


def email_problems(
    order: Order, records: Iterable[EmailRecord], *, now: datetime, confirmed: bool = False
) -> Iterator[str]:
    """Yield which e-mails an order's customer should have by now, and has not.

    ``records`` are the records of those that were sent, or that it was decided not to send.
    ``confirmed`` is whether the order is known to have been confirmed, whatever its state is now.
    """
    if now - _time(order.changed_at) <= OVERDUE_AFTER:
        return
    by_kind = {record.kind: record for record in records}
    before = [OrderConfirmed.detail_type] if confirmed else []
    for kind in dict.fromkeys([*before, *due_emails(order)]):
        if kind not in by_kind:
            yield f"its customer was not notified of {kind}"
    confirmation = by_kind.get(OrderConfirmed.detail_type)
    if confirmation and not confirmation.with_invoice and INVOICE not in by_kind:
        yield "its confirmation was mailed without the invoice, which has not followed"
    for record in by_kind.values():
        if record.state == SENDING and now - _time(record.changed_at) > OVERDUE_AFTER:
            yield f"whether its mail {record.kind} was sent is not known"


def _was_confirmed(known: OrderRecords) -> bool:
    """Return whether the order's timeline says that it was confirmed."""
    lines = events_of(known.records.get("storefront") or {}).values()
    return any(line["event"] == OrderConfirmed.detail_type for line in lines)


def _unpublished(known: OrderRecords, order: Order, now: datetime) -> Iterator[str]:
    """Yield which of the order's own events have not reached its timeline, though they are late."""
    missing = missing_from_timeline(known)
    others = (order.attention_requested_at, *(hold.at for hold in order.holds))
    last = max(_time(time) for time in (order.changed_at, *others) if time)
    if not missing or now - last <= UNPUBLISHED_AFTER:
        return
    numbers = ", ".join(map(str, missing[:MAX_NAMED]))
    more = " and more" if len(missing) > MAX_NAMED else ""
    which = f"of the {order.sequence} events of orders, the timeline lacks {numbers}{more}"
    late = f"{which}, the last since {last:%Y-%m-%d %H:%M:%S}: not published, or on their way"
    yield "; ".join([late, *(f"the {name} is {state}" for name, state in known.readers.items())])


def _contradictions(known: OrderRecords) -> Iterator[str]:
    """Yield a sentence for each service whose row contradicts the order's state."""
    state = known.order["state"]
    bad = (
        FORBIDDEN_WHEN_FULFILLED
        if state in FULFILLED_STATES
        else FORBIDDEN_WHEN_UNDONE
        if state in UNDONE_STATES
        else {}
    )
    for service, states in bad.items():
        if service in known.records:
            found = (known.records[service] or {}).get("state")
            if found in states:
                yield f"it is {state}, and {service} has it {found or 'nowhere'}"


def _missing_next_step(known: OrderRecords, order: Order, now: datetime) -> Iterator[str]:
    """Yield what should have happened by now in the order's state, and has not."""
    states = {service: (row or {}).get("state") for service, row in known.records.items()}
    picking = known.records.get("warehouse") or {}
    times = (order.changed_at, picking.get("picked_at"), *(hold.at for hold in order.holds))
    if now - max(_time(time) for time in times if time) <= OVERDUE_AFTER:
        return
    if order.state == OrderState.CONFIRMED and "warehouse" in states:
        # A held order is picked as well. Only its dispatch waits.
        if not picking:
            yield "it is CONFIRMED, and has not been picked"
        elif not order.held and (found := states.get("shipping")) in ("BOOKED", "DISPATCHED"):
            yield f"it is CONFIRMED and picked, and shipping has it {found}"
    found = states.get("inventory")
    if order.state == OrderState.DISPATCHED and found in ("RESERVED", "SHIPPING"):
        yield f"it is DISPATCHED, and inventory has it {found}"


def _unattended_since(order: Order) -> datetime:
    """Return the time since which no saga has worked on the order, if one should."""
    if order.claim_until is not None:
        return datetime.fromtimestamp(order.claim_until, UTC)
    if order.deferred_since and order.check_after:
        return _time(order.check_after)
    return _time(order.changed_at)


def missing_from_timeline(known: OrderRecords) -> list[int]:
    """Return the first sequence numbers of the order's own events that its timeline lacks.

    A row that somebody edited may count more events than fit into memory.
    """
    if "storefront" not in known.records:
        return []
    seen = events_of(known.records["storefront"] or {})
    numbers = range(1, known.order["sequence"] + 1)
    return list(islice((n for n in numbers if ("orders", n) not in seen), MAX_NAMED + 1))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)

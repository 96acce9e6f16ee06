"""An order's whole journey, put together from what each service has on record of it."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.contracts import values
from lambdas.contracts.orders import FULFILLED_STATES, UNDONE_STATES, OrderState
from lambdas.orders.domain import Order
from lambdas.orders.duplicates import DUPLICATE
from lambdas.orders.rows import order_of
from lambdas.orders.stalled_orders import is_stalled
from lambdas.storefront.domain import render_timeline
from ops.orders.executions import Execution

OVERDUE_AFTER = timedelta(minutes=10)
"""What has not come by then does not come by itself: a minute is the longest that anything waits
for its schedule, and views are seconds behind.
"""
Row = Mapping[str, Any]

FORBIDDEN_WHEN_UNDONE = {
    "payments": {"PENDING", "TAKEN"},
    "inventory": {"RESERVED", "SHIPPED"},
    "shipping": {"BOOKED", "DISPATCHED"},
}
"""The states in which a service may hold something for an order, which is wrong of one undone."""
FORBIDDEN_WHEN_FULFILLED = {
    "payments": {None, "PENDING", "DECLINED", "REFUNDED"},
    "inventory": {None, "REFUSED", "RELEASED"},
    "shipping": {None, "REFUSED", "CANCELLED"},
}
"""Those in which it may not, which is wrong of one that is fulfilled; None stands for no row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDeadLetter:
    """A piece of work about an order that was given up on: where it waits, since when, and why."""

    queue: str
    id: str
    at: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRecords:
    """All that is known of an order.

    ``records`` has each service's row as it is kept, None where there is none, and nothing where it
    could not be read: ``unreadable`` says why. That of the storefront is its timeline.
    """

    order: Row
    records: Mapping[str, Row | None]
    executions: Sequence[Execution] = ()
    dead_letters: Sequence[OrderDeadLetter] = ()
    unreadable: Mapping[str, str]


def journey_document(known: OrderRecords, *, now: datetime) -> dict[str, Any]:
    """The journey for scripts: where it stands, what happened in its order, what is wrong."""
    told = {
        "order_id": known.order["order_id"],
        "state": known.order["state"],
        "problems": list(find_problems(known, now=now)),
        "unreadable": known.unreadable,
        "records": {"orders": known.order, **known.records},
        "executions": [asdict(execution) for execution in known.executions],
        "dead_letters": [asdict(dead_letter) for dead_letter in known.dead_letters],
        "history": history(known),
    }
    return {name: _plain(value) for name, value in told.items()}


def history(known: OrderRecords) -> list[dict[str, str]]:
    """What happened to the order, in the order of time; ``service`` is who says so."""
    moments = [*_events(known), *_steps(known), *_rows(known)]
    if asked := known.order.get("cancel_requested_at"):
        moments.append(_moment(asked, "orders", "cancellation", _who_cancelled(known.order)))
    moments += [_moment(p.at, "dlq", p.queue, p.what) for p in known.dead_letters]
    # What happened at one time stays as it is listed.
    return sorted(moments, key=lambda moment: datetime.fromisoformat(moment["at"]))


def find_problems(known: OrderRecords, *, now: datetime) -> Iterator[str]:
    """What is not as it should be, and does not become so by itself."""
    order = order_of(known.order)
    for name in order.outstanding_compensations:
        yield f"{name} failed for good and waits for a person"
    since = _unattended_since(known.order)
    if is_stalled(order, now=int(now.timestamp())) and now - since > OVERDUE_AFTER:
        yield f"it is {order.state}, and nobody has worked on it since {since:%Y-%m-%d %H:%M:%S}"
    yield from _contradictions(known)
    yield from _stuck(known, order, now)
    missing = _missing_from_timeline(known)
    if missing and now - _time(order.changed_at) > OVERDUE_AFTER:
        yield f"of the {order.sequence} events that orders told, the timeline lacks {missing}"
    for entry in (known.records.get("payments") or {}).get("entries", ()):
        if not entry["published"] and now - _time(entry["occurred_at"]) > OVERDUE_AFTER:
            yield f"the ledger's {entry['kind']} was never published"
    for dead_letter in known.dead_letters:
        yield f"{dead_letter.queue} holds a piece of it: {dead_letter.what}"


def _contradictions(known: OrderRecords) -> Iterator[str]:
    """What another service has on record that does not go with the order's state."""
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


def _stuck(known: OrderRecords, order: Order, now: datetime) -> Iterator[str]:
    """What follows by itself on an order that was confirmed, or has left, and has not."""
    states = {service: (row or {}).get("state") for service, row in known.records.items()}
    picking = known.records.get("warehouse") or {}
    times = (order.changed_at, picking.get("picked_at"), *(hold.at for hold in order.holds))
    if now - max(_time(time) for time in times if time) <= OVERDUE_AFTER:
        return
    if order.state == OrderState.CONFIRMED and "warehouse" in states:
        # What is held is picked all the same, and waits to leave.
        if not picking:
            yield "it is CONFIRMED, and has not been picked"
        elif not order.held and (found := states.get("shipping")) in ("BOOKED", "DISPATCHED"):
            yield f"it is CONFIRMED and picked, and shipping has it {found}"
    if order.state == OrderState.DISPATCHED and states.get("inventory") == "RESERVED":
        yield "it is DISPATCHED, and inventory has it RESERVED"


def _unattended_since(order: Row) -> datetime:
    """When it was last in anybody's hands, if it is in nobody's."""
    if "claim_until" in order:
        return datetime.fromtimestamp(order["claim_until"], UTC)
    return _time(order["changed_at"])


def _missing_from_timeline(known: OrderRecords) -> list[int]:
    """The numbers of the events of orders that the timeline does not have."""
    if "storefront" not in known.records:
        return []
    seen = known.records["storefront"] or {}
    return [n for n in range(1, known.order["sequence"] + 1) if f"orders/{n}" not in seen]


def _events(known: OrderRecords) -> Iterator[dict[str, str]]:
    """What was told: events of all services, of the view that joins them."""
    row = known.records.get("storefront")
    for line in render_timeline(row)["events"] if row else ():
        # DynamoDB keeps no order of names; this one has the reason before its explanation.
        told = [
            format_amount(line[name]) if name == "total" else str(line[name])
            for name in sorted(line.keys() - {"at", "service", "event"}, reverse=True)
        ]
        yield _moment(line["at"], line["service"], line["event"], ", ".join(told))


def _steps(known: OrderRecords) -> Iterator[dict[str, str]]:
    for execution in known.executions:
        for step in execution.steps:
            yield _moment(step.began.astimezone(UTC).isoformat(), "saga", step.name, step.outcome)


def _rows(known: OrderRecords) -> Iterator[dict[str, str]]:
    """What only the rows tell: when something was set aside, or booked, and when that changed."""
    for service, what in (("inventory", "reservation"), ("shipping", "shipment")):
        row = known.records.get(service)
        if row:
            changed = row["changed_at"] != row["created_at"]
            first = "made" if changed else row["state"]
            yield _moment(row["created_at"], service, what, first)
            if changed:
                yield _moment(row["changed_at"], service, what, row["state"])


def format_amount(total: Row) -> str:
    """Format a row's amount with its currency."""
    return values.format_money(values.Money(amount=total["amount"], currency=total["currency"]))


def _who_cancelled(order: Row) -> str:
    """A duplicate that is not held as one was cancelled as one."""
    held = any(hold["reason"] == DUPLICATE for hold in order.get("holds", ()))
    if "duplicate_of" in order and not held:
        return f"it repeats order {order['duplicate_of']}"
    return "asked for by the customer"


def _plain(value: Any) -> Any:
    """As JSON has it, which knows neither sets nor times."""
    match value:
        case datetime():
            return value.isoformat()
        case Mapping():
            return {name: _plain(inner) for name, inner in value.items()}
        case Set():
            return sorted(value)
        case list() | tuple():
            return [_plain(inner) for inner in value]
    return value


def _moment(at: str, service: str, what: str, detail: str) -> dict[str, str]:
    return {"at": at, "service": service, "what": what, "detail": detail}


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)

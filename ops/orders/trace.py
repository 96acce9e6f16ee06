"""An order's trace: one document with the records of all services."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import asdict
from datetime import datetime
from typing import Any

from lambdas.contracts import values
from lambdas.contracts.commands import CANCELLED
from lambdas.contracts.orders import DISPUTED, DUPLICATE
from lambdas.contracts.times import format_time
from lambdas.storefront.timeline import render_timeline
from ops.orders.problems import find_problems
from ops.orders.records import OrderRecords, Row


def trace_document(known: OrderRecords, *, now: datetime) -> dict[str, Any]:
    """Return the order's state, its events and its problems as JSON."""
    document = {
        "order_id": known.order["order_id"],
        "state": known.order["state"],
        "problems": list(find_problems(known, now=now)),
        "unreadable": known.unreadable,
        "records": {"orders": known.order, **known.records},
        "executions": [asdict(execution) for execution in known.executions],
        "dead_letters": [asdict(dead_letter) for dead_letter in known.dead_letters],
        "history": history(known),
    }
    return {name: _to_json(value) for name, value in document.items()}


def history(known: OrderRecords) -> list[dict[str, str]]:
    """Return what happened to the order, oldest first; ``service`` is the one that recorded it."""
    moments = [*_events(known), *_steps(known), *_rows(known)]
    if requested := known.order.get("cancel_requested_at"):
        moments.append(_moment(requested, "orders", "cancellation", _cancelled_by(known.order)))
    moments += [_moment(each.at, "dlq", each.queue, each.what) for each in known.dead_letters]
    # The sort is stable: entries of the same time stay in this order.
    return sorted(moments, key=lambda moment: datetime.fromisoformat(moment["at"]))


def _events(known: OrderRecords) -> Iterator[dict[str, str]]:
    """Yield the events of all services, from the order's timeline."""
    row = known.records.get("storefront")
    for line in render_timeline(row)["events"] if row else ():
        # DynamoDB does not keep the order of names. Here, a reason precedes its explanation.
        details = [
            format_amount(line[name]) if name == "total" else str(line[name])
            for name in sorted(line.keys() - {"at", "service", "event"}, reverse=True)
        ]
        yield _moment(line["at"], line["service"], line["event"], ", ".join(details))


def _steps(known: OrderRecords) -> Iterator[dict[str, str]]:
    for execution in known.executions:
        for step in execution.steps:
            yield _moment(format_time(step.began), "saga", step.name, step.outcome)


def _rows(known: OrderRecords) -> Iterator[dict[str, str]]:
    """Yield the reservation and the shipment: when each was made, and when it changed last."""
    for service, what in (("inventory", "reservation"), ("shipping", "shipment")):
        row = known.records.get(service)
        if row:
            changed = row["changed_at"] != row["created_at"]
            first = "made" if changed else row["state"]
            yield _moment(row["created_at"], service, what, first)
            if changed:
                yield _moment(row["changed_at"], service, what, row["state"])


def format_amount(total: Row) -> str:
    """Return a row's amount with its currency, for people."""
    return values.format_money(values.Money(amount=total["amount"], currency=total["currency"]))


def _cancelled_by(order: Row) -> str:
    """Return who cancelled the order. A duplicate that is not held was cancelled by the job."""
    reason = order.get("reason")
    if reason == DISPUTED:
        return "by an operator, because its payment was disputed"
    if "duplicate_of" in order and reason != CANCELLED:
        repeats = f"it repeats order {order['duplicate_of']}"
        if not any(hold["reason"] == DUPLICATE for hold in order.get("holds", ())):
            return repeats
        if reason == DUPLICATE:
            return f"by an operator, because {repeats}"
    return "asked for by the customer"


def _to_json(value: Any) -> Any:
    """Return a value as JSON, which has no sets, times and bytes."""
    match value:
        case datetime():
            return format_time(value)
        case Mapping():
            return {name: _to_json(inner) for name, inner in value.items()}
        case Set():
            return sorted(map(_to_json, value), key=str)
        case list() | tuple():
            return [_to_json(inner) for inner in value]
        case str() | int() | float() | None:
            return value
    return str(value)


def _moment(at: str, service: str, what: str, detail: str) -> dict[str, str]:
    return {"at": at, "service": service, "what": what, "detail": detail}

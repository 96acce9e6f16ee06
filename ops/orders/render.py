"""An order's trace as text."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain, repeat
from typing import Any

from lambdas.orders.domain import HoldState
from lambdas.storefront.order_upserts import events_of
from ops.orders.trace import format_amount

DEAD_LETTERS = "dead_letters"
"""The key of what could not be read of the failure sinks."""
MAX_LINES_SHOWN = 3
"""How many of an order's lines are shown; of the rest, only their number is."""

Document = Mapping[str, Any]


def render_lines(trace: Document) -> Iterator[str]:
    """Yield the lines of the trace: the order's state, its events, its problems."""
    order = trace["records"]["orders"]
    yield f"order {trace['order_id']} is {trace['state']}"
    yield ""
    yield from _table(
        ("customer", order["customer_id"]),
        ("total", format_amount({"amount": order["total"], "currency": order["currency"]})),
        ("lines", _units(order["lines"])),
        ("country", order["country"]),
    )
    yield ""
    yield "Where it stands"
    yield from _table(*_status(trace))
    yield ""
    yield "What happened (UTC)"
    yield from _table(
        *(
            (f"{_at(each['at'])}  {each['service']:<13}", f"{each['what']}  {each['detail']}")
            for each in trace["history"]
        )
    )
    yield ""
    unreadable = [f"{service}: {why}" for service, why in trace["unreadable"].items()]
    nothing = "nothing in what could be read" if unreadable else "nothing"
    yield from _list("What is wrong", trace["problems"] or [nothing])
    if unreadable:
        yield from _list("What could not be read", unreadable)


def _status(trace: Document) -> Iterator[tuple[str, str]]:
    records, unreadable = trace["records"], trace["unreadable"]
    standing = {service: list(RENDERERS[service](row)) for service, row in records.items()}
    standing["saga"] = list(_sagas(trace))
    found = [
        f"{' and '.join(filter(None, (each['queue'], each['twin_in'])))}: {each['what']}"
        for each in trace["dead_letters"]
    ]
    some = ["some could not be read"] if DEAD_LETTERS in unreadable else []
    standing["dlq"] = [*found, *some] or ["nothing"]
    standing |= {each: ["could not be read"] for each in unreadable if each != DEAD_LETTERS}
    for service, texts in standing.items():
        yield from zip(chain([service], repeat("")), texts, strict=False)


def _sagas(trace: Document) -> Iterator[str]:
    for execution in trace["executions"]:
        note = f": {execution['note']}" if execution["note"] else ""
        name = " ".join(execution["arn"].split(":")[6:8]) or execution["arn"]
        yield f"{execution['status']}, {name}{note}"
    if not trace["executions"]:
        yield "none has claimed it"


def _order(row: Document) -> Iterator[str]:
    why = ": ".join(row[name] for name in ("reason", "explanation") if row.get(name))
    yield f"{row['state']}{f', {why}' if why else ''}, event number {row['sequence']}"
    if since := row.get("deferred_since"):
        because = f"because of {row.get('deferred_step')}: {row.get('deferred_error')}"
        due = row.get("check_after") or row["changed_at"]
        yield f"deferred since {_at(since)}, next look at {_at(due)}, {because}"
    for hold in row.get("holds", ()):
        if hold["state"] == HoldState.HELD:
            since = f"since {_at(hold['at'])}, {hold['reason']}: {hold['explanation']}"
            yield f"held by {hold['cause']} {since}"


def _payment(row: Document | None) -> Iterator[str]:
    if row is None:
        yield "no charge"
        return
    total = format_amount(row) if row["amount"] is not None else "of nothing"
    yield ", ".join(filter(None, (f"{row['state']} {total}", row["explanation"])))
    for entry in row["entries"]:
        unpublished = "" if entry["published"] else ", not published yet"
        moved = f"from {entry['credit']} to {entry['debit']}"
        yield f"{entry['kind']} {format_amount(entry)} {moved}{unpublished}"


def _reservation(row: Document | None) -> Iterator[str]:
    yield _row(row, "no reservation", _units(row["lines"]) if row else "")


def _shipment(row: Document | None) -> Iterator[str]:
    yield _row(row, "no shipment", f"shipment {row['shipment_id']}" if row else "")


def _row(row: Document | None, nothing: str, what: str) -> str:
    if row is None:
        return nothing
    return ", ".join(filter(None, (row["state"], what, row.get("explanation", ""))))


def _picking(row: Document | None) -> Iterator[str]:
    yield f"picked, {_units(row['lines'])}" if row else "not picked"


def _timeline(row: Document | None) -> Iterator[str]:
    yield f"events in its timeline: {len(events_of(row or {}))}"


def _emails(row: Document) -> Iterator[str]:
    for email in row["emails"]:
        invoice = ", with the invoice" if email.get("with_invoice") else ""
        yield f"{email['kind']} {email['state']}{invoice}"
    if not row["emails"]:
        yield "no mail"


RENDERERS = {
    "orders": _order,
    "payments": _payment,
    "inventory": _reservation,
    "shipping": _shipment,
    "warehouse": _picking,
    "storefront": _timeline,
    "notifications": _emails,
}
"""How each service's row is shown."""


def _units(lines: Sequence[Document]) -> str:
    named = [f"{line['quantity']} × {line['sku']}" for line in lines[:MAX_LINES_SHOWN]]
    more = len(lines) - MAX_LINES_SHOWN
    return ", ".join([*named, *([f"and {more} more"] if more > 0 else [])])


def _at(text: str) -> str:
    at = datetime.fromisoformat(text).astimezone(UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}"


def _table(*rows: tuple[str, str]) -> Iterator[str]:
    width = max((len(name) for name, _ in rows), default=0)
    yield from (f"  {name:<{width}}  {text}".rstrip() for name, text in rows)


def _list(title: str, entries: Sequence[str]) -> Iterator[str]:
    yield title
    yield from (f"  {entry}" for entry in entries)

"""The views: what the facts make of each, and what of it is shown to whom.

A fact is known by source, subject and sequence. What is made of one depends on nothing else, and
what is noted twice is noted once: whatever comes in whatever order, however often, a view is the
same.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import md5
from typing import Any

from lambdas.contracts.codec import encode
from lambdas.contracts.event import Event, EventEnvelope
from lambdas.contracts.inventory import StockEvent
from lambdas.contracts.orders import (
    OrderCancelled,
    OrderConfirmed,
    OrderDispatched,
    OrderHeld,
    OrderHoldLifted,
    OrderPlaced,
    OrderRejected,
    OrderWithdrawn,
)

# Availability: what a product's page shows of its stock

IN_STOCK, LOW, SOLD_OUT = "IN_STOCK", "LOW", "SOLD_OUT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """How much of a SKU can be bought, as of the change number ``sequence`` of its stock."""

    sku: str
    state: str
    available: int
    sequence: int
    changed_at: str


def availabilities(facts: Sequence[EventEnvelope[StockEvent]]) -> list[Availability]:
    """What the latest fact about each SKU says: every one of them tells the whole stock."""
    latest: dict[str, EventEnvelope[StockEvent]] = {}
    for fact in facts:
        known = latest.setdefault(fact.data.sku, fact)
        if known.metadata.sequence < fact.metadata.sequence:
            latest[fact.data.sku] = fact
    return [_availability(fact) for fact in latest.values()]


def _availability(fact: EventEnvelope[StockEvent]) -> Availability:
    stock = fact.data
    if stock.available == 0:
        state = SOLD_OUT
    else:
        state = IN_STOCK if stock.available >= stock.minimum else LOW
    return Availability(
        sku=stock.sku,
        state=state,
        available=stock.available,
        sequence=fact.metadata.sequence,
        changed_at=fact.metadata.occurred_at,
    )


def view(product: Availability) -> dict[str, Any]:
    """The product as a customer sees it."""
    return {
        "sku": product.sku,
        "state": product.state,
        "available": product.available,
        "changed_at": product.changed_at,
    }


# Notes: a row for each order, to which each fact adds what nobody else adds


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """What some facts add to an order's row, by attribute; what is there stays as it is."""

    order_id: str
    attributes: Mapping[str, Any]


def _noted(facts: Iterable[EventEnvelope[Any]], note: Any) -> list[Notes]:
    """One set of notes for each order, however many facts there are of it."""
    orders: dict[str, dict[str, Any]] = {}
    for fact in facts:
        orders.setdefault(fact.metadata.subject, {}).update(note(fact))
    return [Notes(order_id=id_, attributes=notes) for id_, notes in orders.items()]


def _name(fact: EventEnvelope[Any]) -> str:
    """What tells a fact from all others of its order."""
    return f"{fact.data.source.rpartition('.')[2]}/{fact.metadata.sequence}"


def _number(name: str) -> int:
    return int(name.rpartition("/")[2])


# The timeline: what happened to an order, across services

TOLD = ("total", "shipment_id", "reason", "explanation", "notice", "result")
"""What of a fact's data its line in the timeline repeats."""


def timelines(facts: Iterable[EventEnvelope[Event]]) -> list[Notes]:
    """What the facts add to the timelines of their orders."""
    return _noted(facts, _line)


def _line(fact: EventEnvelope[Any]) -> dict[str, Any]:
    data = encode(fact.data)
    told = {name: data[name] for name in TOLD if name in data}
    line = {"event": fact.data.detail_type, "at": fact.metadata.occurred_at, **told}
    whose = {name: data[name] for name in ("customer_id",) if name in data}
    return {_name(fact): line, **whose}


def timeline(row: Mapping[str, Any]) -> dict[str, Any]:
    """The timeline as the customer sees it, by the time at which things happened."""
    lines = [
        {"service": name.partition("/")[0], **line} for name, line in row.items() if "/" in name
    ]
    numbers = [_number(name) for name in row if "/" in name]
    ordered = sorted(
        zip(lines, numbers, strict=True),
        key=lambda each: (datetime.fromisoformat(each[0]["at"]), each[0]["service"], each[1]),
    )
    return {"order_id": row["order_id"], "events": [line for line, _ in ordered]}


# The customer's orders

STATES: Mapping[type[Event], str] = {
    OrderPlaced: "PLACED",
    OrderConfirmed: "CONFIRMED",
    OrderRejected: "REJECTED",
    OrderWithdrawn: "WITHDRAWN",
    OrderCancelled: "CANCELLED",
    OrderDispatched: "DISPATCHED",
}
"""The facts that say in which state an order is."""
LISTED: tuple[type[Event], ...] = (*STATES, OrderHeld, OrderHoldLifted)
HOLDABLE = ("PLACED", "CONFIRMED")
"""The states in which a hold keeps an order."""


def order_notes(facts: Iterable[EventEnvelope[Any]]) -> list[Notes]:
    """What the facts add to what customers see of their orders."""
    return _noted(facts, _state)


def _state(fact: EventEnvelope[Any]) -> dict[str, Any]:
    kind = type(fact.data)
    if kind in STATES:
        told = {"state": STATES[kind], "at": fact.metadata.occurred_at}
    else:
        # That one of several holds was lifted is not told, so no list of them could be right.
        told = {"held": fact.data.reason if kind is OrderHeld else ""}
    notes = {_name(fact): told, "customer_id": fact.data.customer_id}
    if isinstance(fact.data, OrderPlaced):
        # Only with this is the order in its customer's list.
        notes["placed"] = f"{fact.metadata.occurred_at}#{fact.data.order_id}"
        notes["total"] = encode(fact.data.total)
    return notes


def listed(row: Mapping[str, Any]) -> dict[str, Any]:
    """An order as its customer's list shows it; why it is held is told of the order itself."""
    told = [row[name] for name in sorted((n for n in row if "/" in n), key=_number)]
    latest = [each for each in told if "state" in each][-1]
    held = [each["held"] for each in told if "held" in each][-1:]
    shown = {
        "order_id": row["order_id"],
        "state": latest["state"],
        "total": row["total"],
        "placed_at": row["placed"].partition("#")[0],
        "changed_at": latest["at"],
    }
    return shown | ({"held": True} if any(held) and latest["state"] in HOLDABLE else {})


# Sales: counters, to which each confirmed order adds once

BUCKETS = 4
"""Over how many items a counter is spread. An order's bucket follows from the hash by which Kinesis
finds its shard: as long as there are no more shards than buckets, no two add to one item at once.
"""
MOST_ITEMS = 100
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html"""
MINUTE, PRODUCT = "minute", "product"
Counter = tuple[str, str]
"""Where a counter is kept: the part of the table (a day, a kind, a bucket), and the entry in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """What one order adds to which counters."""

    order_id: str
    adds: Mapping[Counter, Mapping[str, int]]


def sales(facts: Iterable[EventEnvelope[OrderConfirmed]]) -> list[Sale]:
    """What the orders add that were confirmed, each once."""
    return list({fact.data.order_id: _sale(fact) for fact in facts}.values())


def _sale(fact: EventEnvelope[OrderConfirmed]) -> Sale:
    order = fact.data
    at = datetime.fromisoformat(fact.metadata.occurred_at).astimezone(UTC)
    bucket = md5(order.order_id.encode(), usedforsecurity=False).digest()[0] * BUCKETS // 256
    currency = order.total.currency
    minutes, products = (part(f"{at:%Y-%m-%d}", per, bucket) for per in (MINUTE, PRODUCT))
    adds: dict[Counter, Mapping[str, int]] = {
        (minutes, f"{at:%H:%M}/{currency}"): {
            "orders": 1,
            "units": sum(line.quantity for line in order.lines),
            "amount": order.total.amount,
        }
    }
    for line in order.lines:
        adds[products, f"{line.sku}/{currency}"] = {
            "orders": 1,
            "units": line.quantity,
            "amount": line.quantity * line.unit_price,
        }
    return Sale(order_id=order.order_id, adds=adds)


def part(day: str, per: str, bucket: int) -> str:
    """The part of the table in which a day's counters of one kind are, of one bucket."""
    return f"{day}/{per}/{bucket}"


def transactions(sales: Iterable[Sale]) -> Iterator[list[Sale]]:
    """Sales that fit into one transaction each: an item a sale, and one a counter they add to."""
    group: list[Sale] = []
    counters: set[Counter] = set()
    for sale in sales:
        if group and len(group) + 1 + len(counters | sale.adds.keys()) > MOST_ITEMS:
            yield group
            group, counters = [], set()
        group.append(sale)
        counters |= sale.adds.keys()
    if group:
        yield group


def added(sales: Iterable[Sale]) -> dict[Counter, dict[str, int]]:
    """What the sales add together."""
    sums: dict[Counter, dict[str, int]] = {}
    for sale in sales:
        for counter, adds in sale.adds.items():
            _add(sums.setdefault(counter, {}), adds)
    return sums


def sold(per: str, rows: Iterable[tuple[str, Mapping[str, int]]]) -> list[dict[str, Any]]:
    """The counters of a day, each with what all its buckets have, by minute or SKU."""
    sums: dict[str, dict[str, int]] = {}
    for entry, counts in rows:
        _add(sums.setdefault(entry, {}), counts)
    what = {MINUTE: "minute", PRODUCT: "sku"}[per]
    return [
        {what: entry.rpartition("/")[0], "currency": entry.rpartition("/")[2], **counts}
        for entry, counts in sorted(sums.items())
    ]


def _add(sums: dict[str, int], counts: Mapping[str, int]) -> None:
    for name, count in counts.items():
        sums[name] = sums.get(name, 0) + count


# What is asked for


class BadQueryError(Exception):
    """The query cannot be answered; ``problems`` has what is wrong with each bad parameter."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name} {problem}" for name, problem in problems.items()))
        self.problems = [{"field": name, "problem": text} for name, text in problems.items()]


MOST_ORDERS, SOME_ORDERS = 100, 20
LONGEST_PLACE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """So many orders, placed before the one that is at ``after``; the newest if that is empty."""

    limit: int
    after: str


def page(parameters: Mapping[str, str]) -> Page:
    """Read ``limit`` and ``page``; raises BadQueryError naming those that are bad."""
    problems = {}
    limit = parameters.get("limit", str(SOME_ORDERS))
    if not re.fullmatch("[0-9]{1,3}", limit) or not 1 <= int(limit) <= MOST_ORDERS:
        problems["limit"] = f"must be a whole number from 1 to {MOST_ORDERS}"
    after = ""
    if "page" in parameters:
        after = _place(parameters["page"])
        if not after:
            problems["page"] = "must be what the page before gave as next"
    if problems:
        raise BadQueryError(problems)
    return Page(limit=int(limit), after=after)


def token(placed: str) -> str:
    """What a client gives back to get the orders before that one."""
    return urlsafe_b64encode(placed.encode()).decode().rstrip("=")


def _place(token: str) -> str:
    try:
        placed = urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except ValueError:
        return ""
    at, _, order_id = placed.partition("#")
    return placed if at and order_id and len(placed) <= LONGEST_PLACE else ""


def sales_wanted(parameters: Mapping[str, str]) -> tuple[str, str]:
    """Read ``day`` and ``per``; raises BadQueryError naming those that are bad."""
    problems = {}
    day, per = parameters.get("day", ""), parameters.get("per", "")
    try:
        day = date.fromisoformat(day).isoformat()
    except ValueError:
        problems["day"] = "must be a day, such as 2026-12-01"
    if per not in (MINUTE, PRODUCT):
        problems["per"] = f"must be {MINUTE} or {PRODUCT}"
    if problems:
        raise BadQueryError(problems)
    return day, per

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
from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.event import Event
from lambdas.contracts.inventory import StockEvent
from lambdas.contracts.orders import (
    HOLDABLE_STATES,
    OrderCancelled,
    OrderConfirmed,
    OrderDispatched,
    OrderHeld,
    OrderHoldLifted,
    OrderPlaced,
    OrderRejected,
    OrderState,
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


def build_availabilities(events: Sequence[EventEnvelope[StockEvent]]) -> list[Availability]:
    """What the latest fact about each SKU says: every one of them tells the whole stock."""
    latest: dict[str, EventEnvelope[StockEvent]] = {}
    for event in events:
        known = latest.setdefault(event.data.sku, event)
        if known.metadata.sequence < event.metadata.sequence:
            latest[event.data.sku] = event
    return [_build_availability(event) for event in latest.values()]


def _build_availability(event: EventEnvelope[StockEvent]) -> Availability:
    stock = event.data
    if stock.available == 0:
        state = SOLD_OUT
    else:
        state = IN_STOCK if stock.available >= stock.minimum else LOW
    return Availability(
        sku=stock.sku,
        state=state,
        available=stock.available,
        sequence=event.metadata.sequence,
        changed_at=event.metadata.occurred_at,
    )


def render_product(product: Availability) -> dict[str, Any]:
    """The product as a customer sees it."""
    return {
        "sku": product.sku,
        "state": product.state,
        "available": product.available,
        "changed_at": product.changed_at,
    }


# Notes: a row for each order, to which each fact adds what nobody else adds


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderUpsert:
    """What some facts add to an order's row, by attribute; what is there stays as it is."""

    order_id: str
    attributes: Mapping[str, Any]


def _upserts_by_order(
    events: Iterable[EventEnvelope[Any]], build_attributes: Any
) -> list[OrderUpsert]:
    """One set of notes for each order, however many facts there are of it."""
    orders: dict[str, dict[str, Any]] = {}
    for event in events:
        orders.setdefault(event.metadata.subject, {}).update(build_attributes(event))
    return [OrderUpsert(order_id=id_, attributes=attributes) for id_, attributes in orders.items()]


def _event_key(event: EventEnvelope[Any]) -> str:
    """What tells a fact from all others of its order."""
    return f"{event.data.source.rpartition('.')[2]}/{event.metadata.sequence}"


def _sequence_of(name: str) -> int:
    return int(name.rpartition("/")[2])


# The timeline: what happened to an order, across services

TIMELINE_FIELDS = ("total", "shipment_id", "reason", "explanation", "notice", "result")
"""What of a fact's data its line in the timeline repeats."""


def build_timeline_upserts(events: Iterable[EventEnvelope[Event]]) -> list[OrderUpsert]:
    """What the facts add to the timelines of their orders."""
    return _upserts_by_order(events, _timeline_attributes)


def _timeline_attributes(event: EventEnvelope[Any]) -> dict[str, Any]:
    data = encode(event.data)
    details = {name: data[name] for name in TIMELINE_FIELDS if name in data}
    line = {"event": event.data.detail_type, "at": event.metadata.occurred_at, **details}
    owner = {name: data[name] for name in ("customer_id",) if name in data}
    return {_event_key(event): line, **owner}


def render_timeline(row: Mapping[str, Any]) -> dict[str, Any]:
    """The timeline as the customer sees it, by the time at which things happened."""
    lines = [
        {"service": name.partition("/")[0], **line} for name, line in row.items() if "/" in name
    ]
    numbers = [_sequence_of(name) for name in row if "/" in name]
    ordered = sorted(
        zip(lines, numbers, strict=True),
        key=lambda each: (datetime.fromisoformat(each[0]["at"]), each[0]["service"], each[1]),
    )
    return {"order_id": row["order_id"], "events": [line for line, _ in ordered]}


# The customer's orders

STATE_BY_EVENT: Mapping[type[Event], str] = {
    OrderPlaced: OrderState.PLACED,
    OrderConfirmed: OrderState.CONFIRMED,
    OrderRejected: OrderState.REJECTED,
    OrderWithdrawn: OrderState.WITHDRAWN,
    OrderCancelled: OrderState.CANCELLED,
    OrderDispatched: OrderState.DISPATCHED,
}
"""The facts that say in which state an order is."""
CUSTOMER_ORDER_EVENTS: tuple[type[Event], ...] = (*STATE_BY_EVENT, OrderHeld, OrderHoldLifted)
"""The states in which a hold keeps an order."""


def build_order_upserts(events: Iterable[EventEnvelope[Any]]) -> list[OrderUpsert]:
    """What the facts add to what customers see of their orders."""
    return _upserts_by_order(events, _order_attributes)


def _order_attributes(event: EventEnvelope[Any]) -> dict[str, Any]:
    kind = type(event.data)
    if kind in STATE_BY_EVENT:
        details = {"state": STATE_BY_EVENT[kind], "at": event.metadata.occurred_at}
    else:
        # That one of several holds was lifted is not told, so no list of them could be right.
        details = {"held": event.data.reason if kind is OrderHeld else ""}
    attributes = {_event_key(event): details, "customer_id": event.data.customer_id}
    if isinstance(event.data, OrderPlaced):
        # Only with this is the order in its customer's list.
        attributes["placed"] = f"{event.metadata.occurred_at}#{event.data.order_id}"
        attributes["total"] = encode(event.data.total)
    return attributes


def render_order(row: Mapping[str, Any]) -> dict[str, Any]:
    """An order as its customer's list shows it; why it is held is told of the order itself."""
    details = [row[name] for name in sorted((n for n in row if "/" in n), key=_sequence_of)]
    latest = [each for each in details if "state" in each][-1]
    held = [each["held"] for each in details if "held" in each][-1:]
    shown = {
        "order_id": row["order_id"],
        "state": latest["state"],
        "total": row["total"],
        "placed_at": row["placed"].partition("#")[0],
        "changed_at": latest["at"],
    }
    return shown | ({"held": True} if any(held) and latest["state"] in HOLDABLE_STATES else {})


# Sales: counters, to which each confirmed order adds once

BUCKETS = 4
"""Over how many items a counter is spread. An order's bucket follows from the hash by which Kinesis
finds its shard: as long as there are no more shards than buckets, no two add to one item at once.
"""
MAX_TRANSACTION_ITEMS = 100
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html"""
MINUTE, PRODUCT = "minute", "product"
CounterKey = tuple[str, str]
"""Where a counter is kept: the part of the table (a day, a kind, a bucket), and the entry in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """What one order adds to which counters."""

    order_id: str
    increments: Mapping[CounterKey, Mapping[str, int]]


def build_sales(events: Iterable[EventEnvelope[OrderConfirmed]]) -> list[Sale]:
    """What the orders add that were confirmed, each once."""
    return list({event.data.order_id: _build_sale(event) for event in events}.values())


def _build_sale(event: EventEnvelope[OrderConfirmed]) -> Sale:
    order = event.data
    at = datetime.fromisoformat(event.metadata.occurred_at).astimezone(UTC)
    bucket = md5(order.order_id.encode(), usedforsecurity=False).digest()[0] * BUCKETS // 256
    currency = order.total.currency
    minutes, products = (partition_key(f"{at:%Y-%m-%d}", per, bucket) for per in (MINUTE, PRODUCT))
    increments: dict[CounterKey, Mapping[str, int]] = {
        (minutes, f"{at:%H:%M}/{currency}"): {
            "orders": 1,
            "units": sum(line.quantity for line in order.lines),
            "amount": order.total.amount,
        }
    }
    for line in order.lines:
        increments[products, f"{line.sku}/{currency}"] = {
            "orders": 1,
            "units": line.quantity,
            "amount": line.quantity * line.unit_price,
        }
    return Sale(order_id=order.order_id, increments=increments)


def partition_key(day: str, per: str, bucket: int) -> str:
    """The part of the table in which a day's counters of one kind are, of one bucket."""
    return f"{day}/{per}/{bucket}"


def split_into_transactions(sales: Iterable[Sale]) -> Iterator[list[Sale]]:
    """Sales that fit into one transaction each: an item a sale, and one a counter they add to."""
    group: list[Sale] = []
    counters: set[CounterKey] = set()
    for sale in sales:
        if (
            group
            and len(group) + 1 + len(counters | sale.increments.keys()) > MAX_TRANSACTION_ITEMS
        ):
            yield group
            group, counters = [], set()
        group.append(sale)
        counters |= sale.increments.keys()
    if group:
        yield group


def sum_increments(sales: Iterable[Sale]) -> dict[CounterKey, dict[str, int]]:
    """What the sales add together."""
    sums: dict[CounterKey, dict[str, int]] = {}
    for sale in sales:
        for counter, increments in sale.increments.items():
            _add_counts(sums.setdefault(counter, {}), increments)
    return sums


def render_sales(per: str, rows: Iterable[tuple[str, Mapping[str, int]]]) -> list[dict[str, Any]]:
    """The counters of a day, each with what all its buckets have, by minute or SKU."""
    sums: dict[str, dict[str, int]] = {}
    for sort_key, counts in rows:
        _add_counts(sums.setdefault(sort_key, {}), counts)
    what = {MINUTE: "minute", PRODUCT: "sku"}[per]
    return [
        {what: sort_key.rpartition("/")[0], "currency": sort_key.rpartition("/")[2], **counts}
        for sort_key, counts in sorted(sums.items())
    ]


def _add_counts(sums: dict[str, int], counts: Mapping[str, int]) -> None:
    for name, count in counts.items():
        sums[name] = sums.get(name, 0) + count


# What is asked for


class InvalidQueryError(Exception):
    """The query cannot be answered; ``problems`` has what is wrong with each bad parameter."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name} {problem}" for name, problem in problems.items()))
        self.problems = [{"field": name, "problem": text} for name, text in problems.items()]


MAX_PAGE_SIZE, DEFAULT_PAGE_SIZE = 100, 20
MAX_PAGE_POSITION_LENGTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """So many orders, placed before the one that is at ``after``; the newest if that is empty."""

    limit: int
    after: str


def parse_page_request(parameters: Mapping[str, str]) -> PageRequest:
    """Read ``limit`` and ``page``; raises InvalidQueryError naming those that are bad."""
    problems = {}
    limit = parameters.get("limit", str(DEFAULT_PAGE_SIZE))
    if not re.fullmatch("[0-9]{1,3}", limit) or not 1 <= int(limit) <= MAX_PAGE_SIZE:
        problems["limit"] = f"must be a whole number from 1 to {MAX_PAGE_SIZE}"
    after = ""
    if "page" in parameters:
        after = _decode_page_token(parameters["page"])
        if not after:
            problems["page"] = "must be what the page before gave as next"
    if problems:
        raise InvalidQueryError(problems)
    return PageRequest(limit=int(limit), after=after)


def encode_page_token(placed: str) -> str:
    """What a client gives back to get the orders before that one."""
    return urlsafe_b64encode(placed.encode()).decode().rstrip("=")


def _decode_page_token(token: str) -> str:
    try:
        placed = urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except ValueError:
        return ""
    at, _, order_id = placed.partition("#")
    return placed if at and order_id and len(placed) <= MAX_PAGE_POSITION_LENGTH else ""


def parse_sales_query(parameters: Mapping[str, str]) -> tuple[str, str]:
    """Read ``day`` and ``per``; raises InvalidQueryError naming those that are bad."""
    problems = {}
    day, per = parameters.get("day", ""), parameters.get("per", "")
    try:
        day = date.fromisoformat(day).isoformat()
    except ValueError:
        problems["day"] = "must be a day, such as 2026-12-01"
    if per not in (MINUTE, PRODUCT):
        problems["per"] = f"must be {MINUTE} or {PRODUCT}"
    if problems:
        raise InvalidQueryError(problems)
    return day, per

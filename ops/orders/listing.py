"""Select orders from their table."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import nlargest
from typing import TYPE_CHECKING, Any

from lambdas.contracts.order_states import HOLDABLE_STATES
from lambdas.orders.domain import Order
from lambdas.orders.rows import is_tombstone
from lambdas.runtime.dynamodb import from_item
from ops.orders.problems import order_problems
from ops.orders.row_checks import RowError, parse_order

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


MAX_UNREADABLE = 100
"""How many rows that are no orders are listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The criteria that select orders. If several are given, all have to match."""

    state: str | None = None
    customer: str | None = None
    held: bool = False
    stuck: bool = False
    deferred: bool = False
    reason: str | None = None
    """The step or the error for which an order was deferred."""
    older_than: timedelta | None = None
    """How long ago it was placed, at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedOrder:
    """An order with the reasons of its holds, and its problems."""

    order: Order
    held: Sequence[str]
    """The reasons of the holds that keep it."""
    problems: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        """Return the order as JSON, for scripts."""
        return {
            "order_id": self.order.order_id,
            "state": self.order.state,
            "customer_id": self.order.customer_id,
            "placed_at": self.order.placed_at,
            "changed_at": self.order.changed_at,
            "total": self.order.total,
            "currency": self.order.currency,
            "held": list(self.held),
            "deferred": self.order.deferred_because or None,
            "problems": list(self.problems),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableRow:
    """A row of the table that cannot be parsed as an order."""

    order_id: str
    error: str

    def as_json(self) -> dict[str, Any]:
        """Return the row's id and error as JSON, for scripts."""
        return {"order_id": self.order_id, "unreadable": self.error}


@dataclass(slots=True, kw_only=True)
class Listing:
    """The newest of the selected orders, and the number of all selected ones."""

    orders: Sequence[ListedOrder] = ()
    selected: int = 0
    with_problems: int = 0
    unreadable: list[UnreadableRow] = field(default_factory=list)


def list_orders(
    dynamodb: "DynamoDBClient", table: str, selection: Selection, *, limit: int, now: datetime
) -> Listing:
    """Scan the table, and return the selected orders.

    Only the newest ``limit`` are kept in memory.
    """
    listing = Listing()
    listing.orders = nlargest(
        limit,
        _selected(dynamodb, table, selection, listing, now),
        key=lambda each: (datetime.fromisoformat(each.order.placed_at), each.order.order_id),
    )
    return listing


def list_newest(dynamodb: "DynamoDBClient", table: str, *, limit: int, now: datetime) -> Listing:
    """Scan the table, and parse only the newest ``limit`` rows, which takes half of the time.

    A row that cannot be parsed is reported if its time of placing is among the newest.
    """
    listing = Listing()

    def counted() -> Iterator[Mapping[str, Any]]:
        for row in _rows(dynamodb, table):
            listing.selected += 1
            yield row

    newest = nlargest(limit, counted(), key=lambda row: str(row.get("placed_at")))
    listing.orders = list(_readable(newest, listing, now))
    return listing


def _rows(dynamodb: "DynamoDBClient", table: str) -> Iterator[Mapping[str, Any]]:
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    for row in (from_item(item) for page in pages for item in page["Items"]):
        if not is_tombstone(row):
            yield row


def _selected(
    dynamodb: "DynamoDBClient", table: str, selection: Selection, listing: Listing, now: datetime
) -> Iterator[ListedOrder]:
    for listed in _readable(_rows(dynamodb, table), listing, now):
        if _is_selected(listed, selection, now):
            listing.selected += 1
            listing.with_problems += bool(listed.problems)
            yield listed


def _readable(
    rows: Iterable[Mapping[str, Any]], listing: Listing, now: datetime
) -> Iterator[ListedOrder]:
    """Yield the orders in ``rows``; add the rows that cannot be parsed to ``listing``."""
    for row in rows:
        try:
            yield _listed(parse_order(row), now)
        except RowError as error:
            if len(listing.unreadable) < MAX_UNREADABLE:
                unreadable = UnreadableRow(order_id=str(row.get("order_id")), error=str(error))
                listing.unreadable.append(unreadable)


def _listed(order: Order, now: datetime) -> ListedOrder:
    held = [hold.reason for hold in order.held] if order.state in HOLDABLE_STATES else []
    return ListedOrder(order=order, held=held, problems=list(order_problems(order, now=now)))


def _is_selected(listed: ListedOrder, selection: Selection, now: datetime) -> bool:
    order = listed.order
    age = now - datetime.fromisoformat(order.placed_at)
    return (
        selection.state in (None, order.state)
        and selection.customer in (None, order.customer_id)
        and (bool(listed.held) or not selection.held)
        and (bool(listed.problems) or not selection.stuck)
        and (bool(order.deferred_since) or not selection.deferred)
        and (selection.older_than is None or age >= selection.older_than)
        and selection.reason in (None, order.deferred_step, order.deferred_error)
    )

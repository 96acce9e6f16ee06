"""Select orders from their table."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import nlargest
from itertools import islice
from typing import TYPE_CHECKING, Any

from lambdas.contracts.order_states import HOLDABLE_STATES
from lambdas.notifications.email_records import INVOICE
from lambdas.orders.domain import Order
from lambdas.orders.rows import is_tombstone
from lambdas.runtime.dynamodb import from_item
from ops.orders.problems import due_emails, email_problems, order_problems
from ops.orders.row_checks import RowError, parse_email, parse_order
from ops.views.compare import DynamoTable

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


MAX_UNREADABLE = 100
"""How many rows that are no orders are listed."""
ORDERS_AT_ONCE = 1_000
"""Of how many orders the records of e-mails are read together."""


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
    dynamodb: "DynamoDBClient",
    table: str,
    selection: Selection,
    *,
    limit: int,
    now: datetime,
    emails: DynamoTable | None = None,
) -> Listing:
    """Scan the table, and return the selected orders.

    Only the newest ``limit`` are kept in memory. With ``emails``, the table of e-mail records, only
    the orders are selected whose customers lack a mail or an invoice.
    """
    listing = Listing()
    listing.orders = nlargest(
        limit,
        _selected(dynamodb, table, selection, listing, now, emails),
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
    dynamodb: "DynamoDBClient",
    table: str,
    selection: Selection,
    listing: Listing,
    now: datetime,
    emails: DynamoTable | None,
) -> Iterator[ListedOrder]:
    readable = _readable(_rows(dynamodb, table), listing, now)
    selected = (each for each in readable if _is_selected(each, selection, now))
    for listed in _unnotified(selected, emails, now) if emails else selected:
        listing.selected += 1
        listing.with_problems += bool(listed.problems)
        yield listed


def _unnotified(
    orders: Iterator[ListedOrder], emails: DynamoTable, now: datetime
) -> Iterator[ListedOrder]:
    """Yield the orders whose customers lack a mail or an invoice, with what they lack."""
    while some := list(islice(orders, ORDERS_AT_ONCE)):
        found = emails.batch_get([key for each in some for key in _email_keys(each.order)])
        for each in some:
            rows = [found[key] for key in _email_keys(each.order) if key in found]
            try:
                lacks = list(email_problems(each.order, map(parse_email, rows), now=now))
            except RowError as error:
                lacks = [str(error)]
            if lacks:
                yield replace(each, problems=(*each.problems, *lacks))


def _email_keys(order: Order) -> list[tuple[str, str]]:
    return [(order.order_id, kind) for kind in (INVOICE, *due_emails(order))]


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

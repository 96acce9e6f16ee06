"""The requests and responses of the storefront's routes."""

from dataclasses import dataclass
from typing import Annotated

from lambdas.contracts.catalog import Offer
from lambdas.contracts.order_states import OrderState
from lambdas.contracts.problems import NOT_FOUND, UNREADABLE
from lambdas.contracts.requests import Choice, Sku, Text
from lambdas.contracts.responses import UNLIMITED
from lambdas.contracts.routes import OPERATOR, Route
from lambdas.contracts.values import Money, Time
from lambdas.storefront.sales import MINUTE, PRODUCT, Total

MAX_PAGE_SIZE = 100
MAX_SALES = 1_000
"""The most counters of a page of sales: a day has 1,440 minutes, and more products may be sold."""
MAX_ORDERS_TOKEN = 400
MAX_SALES_TOKEN = 1_366
"""DynamoDB refuses a sort key of more than 1,024 bytes; the token of one has a third more."""
BAD_PAGE = "must be what the page before gave as next"
BAD_DAY = "must be a day, such as 2026-12-01"


def _page_size(most: int) -> Text:
    """Return the rule of a page's size; ``most`` is a power of ten."""
    digits = len(str(most))
    return Text(
        maximum=digits,
        pattern=f"0*[1-9][0-9]{{0,{digits - 2}}}|{most}",
        hint=f"must be a whole number from 1 to {most}",
    )


def _page_token(maximum: int) -> Text:
    """Return the rule of a page's token, of so many characters at most."""
    return Text(maximum=maximum, pattern="[A-Za-z0-9_-]+", hint=BAD_PAGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPath:
    """The path parameter of a route that concerns one order."""

    order_id: Annotated[str, Text(maximum=64)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductPath:
    """The path parameter: a SKU. A slash in it may be written as ``/`` or as ``%2F``."""

    sku: Annotated[str, Sku()]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOrdersQuery:
    """The query parameters: the size of a page, and the token of the page."""

    limit: Annotated[str, _page_size(MAX_PAGE_SIZE)] = "20"
    page: Annotated[str | None, _page_token(MAX_ORDERS_TOKEN)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesQuery:
    """The query parameters: the day (UTC), whether to count by minute or by product, and the page.

    ``limit`` is the size of a page; ``page`` its token.
    """

    day: Annotated[
        str,
        Text(
            maximum=10,
            pattern="[0-9]{4}-[0-9]{2}-[0-9]{2}",
            hint=BAD_DAY,
        ),
    ]
    per: Annotated[str, Choice(among=(MINUTE, PRODUCT))]
    limit: Annotated[str, _page_size(MAX_SALES)] = "100"
    page: Annotated[str | None, _page_token(MAX_SALES_TOKEN)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownProduct:
    """A product's name, its offers, and how many units can be bought; a moment old."""

    sku: str
    name: str | None
    """None if there is stock of it, and the catalogue does not have it."""
    offers: tuple[Offer, ...]
    """Those that are valid now."""
    state: str
    available: int
    changed_at: Time


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedOrder:
    """An order in its customer's list."""

    order_id: str
    state: OrderState
    total: Money
    placed_at: Time
    changed_at: Time
    held: bool | None = None
    explanation: str | None = None
    """Why it was cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersPage:
    """Some orders, newest first. ``next`` is the next page's token; null after the last page."""

    orders: tuple[ListedOrder, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """An event of an order."""

    service: str
    event: str
    at: Time
    total: Money | None = None
    shipment_id: str | None = None
    reason: str | None = None
    explanation: str | None = None
    notice: str | None = None
    result: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The events of an order, sorted by time."""

    order_id: str
    events: Annotated[tuple[TimelineEntry, ...], UNLIMITED]


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesCount:
    """The sales of one minute, or of one product. Amounts are in minor units."""

    currency: str
    orders: Total
    units: Total
    amount: Total
    minute: str | None = None
    sku: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sales:
    """Some sales of a day (UTC), sorted by minute or SKU, and by currency.

    ``next`` is the next page's token; null after the last page.
    """

    day: str
    per: str
    sales: tuple[SalesCount, ...]
    next: str | None


ROUTES = (
    Route(
        key="GET /products/{sku+}",
        summary="Read a product's name and offers, and how much of it can be bought",
        path=ProductPath,
        responses={200: ShownProduct},
        problems=(NOT_FOUND, UNREADABLE),
    ),
    Route(
        key="GET /orders",
        summary="List your orders, newest first",
        query=ListOrdersQuery,
        responses={200: OrdersPage},
        cached=True,
    ),
    Route(
        key="GET /orders/{order_id}/timeline",
        summary="Read what happened to an order",
        path=OrderPath,
        responses={200: Timeline},
        problems=(NOT_FOUND,),
        cached=True,
    ),
    Route(
        key="GET /sales",
        summary="Read what was sold on a day, by minute or by product",
        caller=OPERATOR,
        query=SalesQuery,
        responses={200: Sales},
        cached=True,
    ),
)

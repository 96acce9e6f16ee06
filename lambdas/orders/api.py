"""The requests and responses of the orders service's routes."""

from dataclasses import dataclass
from typing import Annotated

from lambdas.contracts.bounds import TextBounds
from lambdas.contracts.catalog import Offer
from lambdas.contracts.order_states import OrderState
from lambdas.contracts.problems import (
    NOT_FOUND,
    UNREADABLE,
    FieldProblem,
    Problem,
    ProblemType,
)
from lambdas.contracts.requests import Items, Sku, Text, WholeNumber
from lambdas.contracts.routes import Route
from lambdas.contracts.values import PricedLine, Time

MAX_LINES = 1_000
MAX_QUANTITY = 100_000
MAX_UNIT_PRICE = 100_000_000
MAX_TEXT = 64
MAX_EXPLANATION = 40_000
"""The same maximum as in an order's row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceProblem(FieldProblem):
    """A line's price that is not on offer, together with the offers that there are."""

    offers: tuple[Offer, ...]
    """The offers of the line's SKU that are valid now, in every currency.

    A refusal names at most 200, those of its first lines; ``GET /products/{sku}`` has the others.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceNotOnOffer(Problem):
    """The answer to an order with prices that are not on offer: one error for each such line."""

    errors: tuple[PriceProblem, ...] = ()
    """Every such line."""


BUSY = ProblemType(
    status=429, name="busy", title="Too many orders are waiting; Retry-After says how long to wait"
)
CUSTOMER_LIMIT = ProblemType(
    status=409,
    name="customer-limit",
    title="Your orders are at a limit: those of today, or those that have not ended",
)
KEY_REUSED = ProblemType(status=409, name="key-reused", title="The Idempotency-Key was used before")
PAYMENT_DISPUTED = ProblemType(
    status=409,
    name="payment-disputed",
    title="The payment is disputed; the order can be cancelled once the card company has decided",
)
PRICE_NOT_ON_OFFER = ProblemType(
    status=409,
    name="price-not-on-offer",
    title="A price is not on offer",
    body=PriceNotOnOffer,
)
TOO_LATE = ProblemType(status=409, name="too-late", title="The order has left")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPath:
    """The path parameter of a route that concerns one order."""

    order_id: Annotated[str, Text(maximum=MAX_TEXT)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrderHeaders:
    """The idempotency key: two requests of a customer with the same key are one order."""

    idempotency_key: Annotated[str, Text(maximum=MAX_TEXT)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedLine:
    """A quantity of a SKU at a price, in minor units of the order's currency."""

    sku: Annotated[str, Sku()]
    quantity: Annotated[int, WholeNumber(minimum=1, maximum=MAX_QUANTITY)]
    unit_price: Annotated[int, WholeNumber(minimum=1, maximum=MAX_UNIT_PRICE)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder:
    """An order as a customer requests it. Lines of one SKU at one price are summed."""

    currency: Annotated[
        str, Text(maximum=3, pattern="[A-Z]{3}", hint="must be three capitals, such as GBP")
    ]
    country: Annotated[str, Text(maximum=MAX_TEXT)]
    lines: Annotated[tuple[RequestedLine, ...], Items(maximum=MAX_LINES, noun="line")]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStatus:
    """An order's id and its current state."""

    order_id: str
    state: OrderState


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldView:
    """Why an order is held, and since when."""

    reason: str
    explanation: str
    since: Time


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayView:
    """Since when, and why, an order waits for a service that is busy."""

    since: Time
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """An order as its customer sees it; prices are in minor units of the currency."""

    order_id: str
    state: OrderState
    currency: str
    country: str
    lines: tuple[PricedLine, ...]
    total: int
    placed_at: Time
    changed_at: Time
    reason: str | None = None
    """Why it was rejected or cancelled: a name."""
    explanation: Annotated[str, TextBounds(maximum=MAX_EXPLANATION)] | None = None
    """The same for people."""
    held: tuple[HoldView, ...] | None = None
    delayed: DelayView | None = None


ROUTES = (
    Route(
        key="POST /orders",
        summary="Place an order; a repeated request gets the order's current state",
        headers=PlaceOrderHeaders,
        body=PlaceOrder,
        responses={202: OrderStatus},
        problems=(KEY_REUSED, PRICE_NOT_ON_OFFER, CUSTOMER_LIMIT, BUSY, UNREADABLE),
    ),
    Route(
        key="GET /orders/{order_id}",
        summary="Read an order",
        path=OrderPath,
        responses={200: OrderView},
        problems=(NOT_FOUND, UNREADABLE),
    ),
    Route(
        key="DELETE /orders/{order_id}",
        summary="Cancel an order: 202 while it is being undone, 200 once it is",
        path=OrderPath,
        responses={200: OrderStatus, 202: OrderStatus},
        problems=(NOT_FOUND, TOO_LATE, PAYMENT_DISPUTED, UNREADABLE),
    ),
)

"""The requests and responses of the catalog service's route."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from lambdas.contracts.catalog import MAX_OFFERS, Offer
from lambdas.contracts.problems import UNREADABLE
from lambdas.contracts.requests import Items, Sku, Text, WholeNumber
from lambdas.contracts.routes import OPERATOR, Route
from lambdas.contracts.values import Time

MAX_NAME = 200
MAX_UNIT_PRICE = 100_000_000
"""The same maximum as in an order's line."""


class Moment:
    """The rule of a time with an offset from UTC, or null."""

    def problem(self, value: object) -> str | None:
        """Return what is wrong with the time; None if nothing is."""
        if value is None or (isinstance(value, str) and parse_moment(value)):
            return None
        return "must be a time with its offset, such as 2026-12-01T08:00:00Z"

    def schema(self) -> dict[str, Any]:
        """Return the rule as a JSON Schema."""
        return {"type": ["string", "null"], "format": "date-time"}


def parse_moment(text: str) -> datetime | None:
    """Return the time in a text, cut to milliseconds; None if it has no time with an offset.

    The year must be from 2001 to 2198. Converted to UTC, the time is then within ``TimeBounds``.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    if at.tzinfo is None or not 2000 < at.year < 2199:
        return None
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductPath:
    """The path parameter: a SKU. A slash in it may be written as ``/`` or as ``%2F``."""

    sku: Annotated[str, Sku()]


@dataclass(frozen=True, slots=True, kw_only=True)
class PutOffer:
    """A price in minor units, and the time for which it is on offer.

    Without ``valid_from`` the offer begins as soon as possible; without ``valid_until`` it has no
    end.
    """

    currency: Annotated[
        str, Text(maximum=3, pattern="[A-Z]{3}", hint="must be three capitals, such as GBP")
    ]
    unit_price: Annotated[int, WholeNumber(minimum=1, maximum=MAX_UNIT_PRICE)]
    valid_from: Annotated[str | None, Moment()] = None
    valid_until: Annotated[str | None, Moment()] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PutProduct:
    """A product's name, and its offers. They replace all earlier offers."""

    name: Annotated[
        str,
        Text(
            maximum=MAX_NAME,
            pattern=r"\S(.*\S)?",
            hint=f"must be a line of 1 to {MAX_NAME} characters without space around it",
        ),
    ]
    offers: Annotated[
        tuple[PutOffer, ...], Items(maximum=MAX_OFFERS, noun="offer", may_be_empty=True)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogProduct:
    """A product as it is stored, with the times at which its offers begin and end."""

    sku: str
    name: str
    offers: tuple[Offer, ...]
    """With those that ended within a day."""
    changed_at: Time


ROUTES = (
    Route(
        key="PUT /products/{sku+}",
        summary="Put a product on offer, or change its name and offers",
        caller=OPERATOR,
        path=ProductPath,
        body=PutProduct,
        responses={200: CatalogProduct},
        problems=(UNREADABLE,),
    ),
)

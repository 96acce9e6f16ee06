"""The parsers of the storefront's query parameters."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from lambdas.contracts.problems import FieldProblem, InvalidRequestError
from lambdas.contracts.requests import parse_request
from lambdas.storefront.api import BAD_DAY, BAD_PAGE, ListOrdersQuery, SalesQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """A request for one page of a customer's orders, newest first."""

    limit: int
    """The most orders of the page."""
    after: str
    """The ``listing_key`` of the previous page's last order; empty for the first page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesRequest:
    """A request for one page of a day's counters."""

    day: str
    per: str
    """MINUTE or PRODUCT."""
    limit: int
    """The most counters of the page."""
    after: str
    """The sort key of the previous page's last counter; empty for the first page."""


def parse_page_request(parameters: Mapping[str, str]) -> PageRequest:
    """Parse ``limit`` and ``page``.

    Raises:
        InvalidRequestError: naming every invalid parameter.
    """
    query = parse_request(ListOrdersQuery, parameters)
    after = "" if query.page is None else _decode_page_token(query.page)
    if query.page is not None and not all(after.partition("#")):
        raise _bad_page()
    return PageRequest(limit=int(query.limit), after=after)


def encode_page_token(position: str) -> str:
    """Return the token of the page that begins after this position; empty after the last page."""
    return urlsafe_b64encode(position.encode()).decode().rstrip("=")


def _decode_page_token(token: str) -> str:
    try:
        position = urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except ValueError:
        position = ""
    if not position:
        raise _bad_page()
    return position


def _bad_page() -> InvalidRequestError:
    return InvalidRequestError([FieldProblem(field="page", problem=BAD_PAGE)])


def parse_sales_query(parameters: Mapping[str, str]) -> SalesRequest:
    """Parse ``day``, ``per``, ``limit`` and ``page``.

    Raises:
        InvalidRequestError: naming every invalid parameter.
    """
    query = parse_request(SalesQuery, parameters)
    try:
        day = date.fromisoformat(query.day).isoformat()
    except ValueError:
        raise InvalidRequestError([FieldProblem(field="day", problem=BAD_DAY)]) from None
    after = "" if query.page is None else _decode_page_token(query.page)
    return SalesRequest(day=day, per=query.per, limit=int(query.limit), after=after)

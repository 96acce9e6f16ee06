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


def parse_page_request(parameters: Mapping[str, str]) -> PageRequest:
    """Parse ``limit`` and ``page``.

    Raises:
        InvalidRequestError: naming every invalid parameter.
    """
    query = parse_request(ListOrdersQuery, parameters)
    after = "" if query.page is None else _decode_page_token(query.page)
    return PageRequest(limit=int(query.limit), after=after)


def encode_page_token(listing_key: str) -> str:
    """Return the token of the page that begins after the order with this listing key."""
    return urlsafe_b64encode(listing_key.encode()).decode().rstrip("=")


def _decode_page_token(token: str) -> str:
    try:
        listing_key = urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except ValueError:
        listing_key = ""
    if not all(listing_key.partition("#")):
        raise InvalidRequestError([FieldProblem(field="page", problem=BAD_PAGE)])
    return listing_key


def parse_sales_query(parameters: Mapping[str, str]) -> tuple[str, str]:
    """Parse ``day`` and ``per``.

    Raises:
        InvalidRequestError: naming every invalid parameter.
    """
    query = parse_request(SalesQuery, parameters)
    try:
        return date.fromisoformat(query.day).isoformat(), query.per
    except ValueError:
        raise InvalidRequestError([FieldProblem(field="day", problem=BAD_DAY)]) from None

"""The parsers of the storefront's query parameters."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from lambdas.contracts.problems import FieldProblem, InvalidRequestError
from lambdas.contracts.requests import check_request
from lambdas.storefront.api import BAD_DAY, BAD_PAGE, ListOrdersQuery, SalesQuery

MAX_PAGE_POSITION_LENGTH = 200


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
    query, problems = check_request(ListOrdersQuery, parameters)
    after = ""
    if query and query.page is not None:
        after = _decode_page_token(query.page)
        if not after:
            problems = [FieldProblem(field="page", problem=BAD_PAGE)]
    if query is None or problems:
        raise InvalidRequestError(problems)
    return PageRequest(limit=int(query.limit), after=after)


def encode_page_token(listing_key: str) -> str:
    """Return the token of the page that begins after the order with this listing key."""
    return urlsafe_b64encode(listing_key.encode()).decode().rstrip("=")


def _decode_page_token(token: str) -> str:
    try:
        listing_key = urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except ValueError:
        return ""
    at, _, order_id = listing_key.partition("#")
    is_valid = at and order_id and len(listing_key) <= MAX_PAGE_POSITION_LENGTH
    return listing_key if is_valid else ""


def parse_sales_query(parameters: Mapping[str, str]) -> tuple[str, str]:
    """Parse ``day`` and ``per``.

    Raises:
        InvalidRequestError: naming every invalid parameter.
    """
    query, problems = check_request(SalesQuery, parameters)
    if query is None:
        raise InvalidRequestError(problems)
    try:
        return date.fromisoformat(query.day).isoformat(), query.per
    except ValueError:
        raise InvalidRequestError([FieldProblem(field="day", problem=BAD_DAY)]) from None

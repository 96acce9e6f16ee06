"""The parameters of the storefront's queries: parsed and validated."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from lambdas.storefront.sales import MINUTE, PRODUCT


class InvalidQueryError(Exception):
    """A query has invalid parameters."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        """Set what is wrong with each parameter, by its name."""
        super().__init__("; ".join(f"{name} {problem}" for name, problem in problems.items()))
        self.problems = [{"field": name, "problem": text} for name, text in problems.items()]


MAX_PAGE_SIZE, DEFAULT_PAGE_SIZE = 100, 20
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
        InvalidQueryError: naming every invalid parameter.
    """
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


def encode_page_token(listing_key: str) -> str:
    """Return the token with which a client requests the page after that order."""
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
        InvalidQueryError: naming every invalid parameter.
    """
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

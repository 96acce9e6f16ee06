"""The parameters of the storefront's queries: parsed and validated."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from lambdas.storefront.sales import MINUTE, PRODUCT


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

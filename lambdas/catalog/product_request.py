"""Parsing and validating an operator's request to put a product."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lambdas.catalog.domain import BadProductError, RequestedOffer, RequestedProduct
from lambdas.contracts.catalog import MAX_OFFERS

MAX_SKU, MAX_NAME = 64, 200
MAX_UNIT_PRICE = 100_000_000
"""As much as an order's line may say."""
PRICE_PROBLEM = f"must be a whole number of minor units from 1 to {MAX_UNIT_PRICE}"


def parse_product_request(body: object, *, sku: str) -> RequestedProduct:
    """Return the product that a request's path and body describe.

    The body is ``{"name": "White hanging heart", "offers": [{"currency": "GBP", "unit_price": 255,
    "valid_from": "2026-12-01T00:00:00Z", "valid_until": null}]}``. Both times may be left out.

    Raises:
        BadProductError: naming every bad field.
    """
    if not isinstance(body, Mapping):
        raise BadProductError({"body": "must be a JSON object"})
    problems: dict[str, str] = {}
    if not _is_line(sku, MAX_SKU):
        problems["sku"] = _line_problem(MAX_SKU)
    name, offers = body.get("name"), body.get("offers")
    if not _is_line(name, MAX_NAME):
        problems["name"] = _line_problem(MAX_NAME)
    if not isinstance(offers, list) or len(offers) > MAX_OFFERS:
        problems["offers"] = f"must be an array of at most {MAX_OFFERS} offers"
        offers = []
    requested = [_offer(f"offers[{i}]", raw, problems) for i, raw in enumerate(offers)]
    for i, offer in enumerate(requested):
        if offer and offer in requested[:i]:
            problems[f"offers[{i}]"] = f"repeats offers[{requested.index(offer)}]"
    if problems:
        raise BadProductError(problems)
    return RequestedProduct(sku=sku, name=str(name), offers=[each for each in requested if each])


def _offer(path: str, raw: object, problems: dict[str, str]) -> RequestedOffer | None:
    if not isinstance(raw, Mapping):
        problems[path] = "must be an object"
        return None
    found = len(problems)
    currency, price = raw.get("currency"), raw.get("unit_price")
    if not isinstance(currency, str) or not re.fullmatch("[A-Z]{3}", currency):
        problems[f"{path}.currency"] = "must be three capitals, such as GBP"
    if type(price) is not int or not 1 <= price <= MAX_UNIT_PRICE:
        problems[f"{path}.unit_price"] = PRICE_PROBLEM
    starts, ends = (_time(path, raw, name, problems) for name in ("valid_from", "valid_until"))
    if len(problems) > found:
        return None
    return RequestedOffer(
        currency=str(currency), unit_price=raw["unit_price"], valid_from=starts, valid_until=ends
    )


def _time(
    path: str, raw: Mapping[str, Any], name: str, problems: dict[str, str]
) -> datetime | None:
    """Return a time, whose fraction beyond milliseconds is cut off; None if it is absent or bad."""
    value = raw.get(name)
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value)
        # An offset may lead out of the years that there are.
        if at.tzinfo is not None and 1 < at.year < 9999:
            return at.replace(microsecond=at.microsecond // 1000 * 1000)
    except (TypeError, ValueError):
        pass
    problems[f"{path}.{name}"] = "must be a time with its offset, such as 2026-12-01T08:00:00Z"
    return None


def _is_line(text: object, longest: int) -> bool:
    """Whether it is one line without control, bidi or invisible characters or space around it."""
    return (
        isinstance(text, str)
        and 1 <= len(text) <= longest
        and text.isprintable()
        and text == text.strip()
    )


def _line_problem(longest: int) -> str:
    return f"must be a line of 1 to {longest} printable characters without space around it"

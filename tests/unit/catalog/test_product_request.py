"""Parsing and validating requests to put a product."""

from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.catalog.api import MAX_NAME, MAX_UNIT_PRICE
from lambdas.catalog.domain import RequestedOffer
from lambdas.catalog.product_request import parse_product_request
from lambdas.contracts.catalog import MAX_OFFERS
from lambdas.contracts.problems import InvalidRequestError

OFFER: dict[str, Any] = {"currency": "GBP", "unit_price": 255}
BODY: dict[str, Any] = {"name": "Heart", "offers": [OFFER]}


def bad_fields(body: object, *, sku: str = "85123A") -> list[str]:
    with pytest.raises(InvalidRequestError) as bad:
        parse_product_request(body, path={"sku": sku})
    assert all(problem.problem for problem in bad.value.errors)
    return [problem.field for problem in bad.value.errors]


def test_request_becomes_a_product():
    timed = OFFER | {"valid_from": "2026-12-01T09:00:00.1239+01:00", "valid_until": None}

    product = parse_product_request(BODY | {"offers": [timed]}, path={"sku": "85123A"})

    assert (product.sku, product.name) == ("85123A", "Heart")
    assert product.offers == [
        RequestedOffer(
            currency="GBP",
            unit_price=255,
            valid_from=datetime(2026, 12, 1, 8, 0, 0, 123_000, tzinfo=UTC),
            valid_until=None,
        )
    ]


def test_product_without_offers_is_not_for_sale():
    assert parse_product_request(BODY | {"offers": []}, path={"sku": "A"}).offers == []


def test_every_bad_field_is_named():
    offers = [
        OFFER | {"currency": "gbp", "unit_price": True},
        "cheap",
        OFFER | {"valid_from": "2026-12-01T08:00:00", "valid_until": 7},
    ]

    assert bad_fields({"name": "", "offers": offers}, sku="") == [
        "sku",
        "name",
        "offers[0].currency",
        "offers[0].unit_price",
        "offers[1]",
        "offers[2].valid_from",
        "offers[2].valid_until",
    ]


@pytest.mark.parametrize("body", [None, [], "product"])
def test_body_that_is_no_object_is_named(body: object):
    assert bad_fields(body) == ["body"]


@pytest.mark.parametrize("price", [0, -1, MAX_UNIT_PRICE + 1, 2.55, "255", None])
def test_price_out_of_range_is_named(price: object):
    assert bad_fields(BODY | {"offers": [OFFER | {"unit_price": price}]}) == [
        "offers[0].unit_price"
    ]


@pytest.mark.parametrize(
    "text", ["a\nb", "a\x00", "a\u202eb", "a\u200bb", "\ud800", " a", "a ", "a" * (MAX_NAME + 1)]
)
def test_text_with_invisible_characters_or_space_around_is_named(text: str):
    assert bad_fields(BODY | {"name": text}) == ["name"]
    assert bad_fields(BODY, sku=text) == ["sku"]


@pytest.mark.parametrize(
    "time",
    ["tomorrow", "0001-01-01T00:00:00+10:00", "2000-12-31T23:59:59Z", "2199-01-01T00:00:00Z"],
)
def test_time_that_is_none_is_named(time: str):
    assert bad_fields(BODY | {"offers": [OFFER | {"valid_from": time}]}) == ["offers[0].valid_from"]


@pytest.mark.parametrize("offers", [None, {}, [OFFER] * (MAX_OFFERS + 1)])
def test_too_many_or_no_array_of_offers_is_named(offers: object):
    assert bad_fields(BODY | {"offers": offers}) == ["offers"]


def test_repeated_offer_is_named():
    assert bad_fields(BODY | {"offers": [OFFER, OFFER]}) == ["offers[1]"]

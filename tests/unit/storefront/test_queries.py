"""The parameters of the queries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.contracts.problems import InvalidRequestError
from lambdas.storefront.queries import (
    SalesRequest,
    encode_page_token,
    parse_page_request,
    parse_sales_query,
)


class TestParameters:
    @pytest.mark.parametrize(
        "limit", ["", "0", "101", "-1", "1.5", "ten", "1,2", "9" * 5_000, "２"]
    )
    def test_invalid_limit_is_rejected(self, limit: str):
        with pytest.raises(InvalidRequestError, match="limit must be a whole number from 1 to 100"):
            parse_page_request({"limit": limit})

    @given(st.text(max_size=40))
    def test_any_page_token_is_rejected_or_a_position(self, text: str):
        try:
            at, _, order_id = parse_page_request({"page": text}).after.partition("#")
        except InvalidRequestError as bad:
            assert [each.field for each in bad.errors] == ["page"]
        else:
            assert at and order_id

    @pytest.mark.parametrize("place", ["", "#o1", "2026#", "2026", "a#" + "x" * 2_000])
    def test_malformed_page_position_is_rejected(self, place: str):
        with pytest.raises(InvalidRequestError, match="page must be"):
            parse_page_request({"page": encode_page_token(place)})

    @pytest.mark.parametrize("length", [1_024, 1_025])
    def test_longest_position_of_sales_is_the_longest_sort_key(self, length: int):
        parameters = {"day": "2026-12-01", "per": "product"}
        token = encode_page_token("x" * length)
        try:
            after = parse_sales_query(parameters | {"page": token}).after
        except InvalidRequestError as bad:
            assert (length, [each.field for each in bad.errors]) == (1_025, ["page"])
        else:
            assert (length, after) == (1_024, "x" * 1_024)

    def test_valid_parameters_are_parsed(self):
        after = "2026-12-01T08:26:00+00:00#o1"

        assert parse_page_request({}).limit == 20
        assert parse_page_request({"limit": "100", "page": encode_page_token(after)}).after == after
        assert parse_sales_query({"day": "2026-12-01", "per": "minute"}) == SalesRequest(
            day="2026-12-01", per="minute", limit=100, after=""
        )

    @pytest.mark.parametrize(
        ("parameters", "fields"),
        [
            ({}, ["day", "per"]),
            ({"day": "2026-13-01", "per": "minute"}, ["day"]),
            ({"day": "yesterday", "per": "hour"}, ["day", "per"]),
            ({"day": "2026-12-01", "per": ""}, ["per"]),
        ],
    )
    def test_each_invalid_sales_parameter_is_named(
        self, parameters: dict[str, str], fields: list[str]
    ):
        with pytest.raises(InvalidRequestError) as bad:
            parse_sales_query(parameters)

        assert [each.field for each in bad.value.errors] == fields

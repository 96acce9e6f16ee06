"""Parsing and validating order requests."""

import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.contracts.order_states import OrderState
from lambdas.contracts.problems import InvalidRequestError
from lambdas.contracts.values import MAX_SKUS, PricedLine
from lambdas.orders.api import MAX_LINES, MAX_QUANTITY, MAX_TEXT, MAX_UNIT_PRICE
from lambdas.orders.domain import order_id
from tests.support.order_requests import BODY, NOW, line, placed


def bad_fields(body: object, **given_: str) -> list[str]:
    with pytest.raises(InvalidRequestError) as bad:
        placed(body, **given_)
    return [problem.field for problem in bad.value.errors]


class TestGood:
    def test_valid_request_becomes_an_order(self):
        order = placed()

        assert order.state == OrderState.PLACED
        assert order.sequence == 1
        assert order.total == 6 * 255 + 6 * 339
        assert (order.currency, order.country) == ("GBP", "United Kingdom")
        assert order.placed_at == order.changed_at == NOW
        assert order.customer_id == "17850"
        assert order.request_id == "request-1"
        assert order.claim_owner is None

    def test_lines_of_one_sku_are_summed(self):
        lines = [line(quantity=2), line(sku="71053"), line(quantity=3)]

        assert placed(BODY | {"lines": lines}).lines == (
            PricedLine(**line(quantity=5)),
            PricedLine(**line(sku="71053")),
        )

    def test_unknown_fields_are_passed_over(self):
        more = BODY | {"coupon": "X", "lines": [line(colour="red"), *BODY["lines"][1:]]}

        assert placed(more) == placed()

    def test_spaces_around_texts_make_no_difference(self):
        assert placed(BODY | {"country": " United Kingdom "}).same_request_as(placed())

    @pytest.mark.parametrize(
        "changed",
        [
            {"currency": "EUR"},
            {"country": "France"},
            {"lines": [line(quantity=7), BODY["lines"][1]]},
            {"lines": [line(unit_price=256), BODY["lines"][1]]},
            {"lines": [line()]},
        ],
    )
    def test_different_order_has_a_different_fingerprint(self, changed: dict[str, Any]):
        assert not placed(BODY | changed).same_request_as(placed())

    def test_ninety_skus_are_an_order(self):
        lines = [line(sku=str(i)) for i in range(MAX_SKUS)]

        assert len(placed(BODY | {"lines": lines}).lines) == MAX_SKUS == 90

    def test_values_at_the_limits_are_allowed(self):
        largest = line(sku="x" * MAX_TEXT, quantity=MAX_QUANTITY, unit_price=MAX_UNIT_PRICE)
        body = BODY | {"country": "y" * MAX_TEXT, "lines": [largest]}

        assert placed(body, key="k" * MAX_TEXT).total == MAX_QUANTITY * MAX_UNIT_PRICE


class TestBad:
    @pytest.mark.parametrize("body", [None, [], "order", 1, True, 1.5])
    def test_body_that_is_no_object_is_named(self, body: object):
        assert "body" in bad_fields(body)

    @pytest.mark.parametrize("field", ["currency", "country", "lines"])
    def test_missing_field_is_named(self, field: str):
        assert bad_fields({n: v for n, v in BODY.items() if n != field}) == [field]

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("currency", "GB"),
            ("currency", "GBPX"),
            ("currency", 826),
            ("currency", None),
            ("country", ""),
            ("country", "   "),
            ("country", "x" * (MAX_TEXT + 1)),
            ("country", ["UK"]),
            ("lines", []),
            ("lines", {}),
            ("lines", "85123A"),
            ("lines", None),
        ],
    )
    def test_invalid_field_is_named(self, field: str, value: object):
        assert bad_fields(BODY | {field: value}) == [field]

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("sku", ""),
            ("sku", 85123),
            ("sku", None),
            ("sku", "x" * (MAX_TEXT + 1)),
            ("quantity", 0),
            ("quantity", -1),
            ("quantity", 1.0),
            ("quantity", "6"),
            ("quantity", True),
            ("quantity", MAX_QUANTITY + 1),
            ("unit_price", 0),
            ("unit_price", -255),
            ("unit_price", 2.55),
            ("unit_price", False),
            ("unit_price", MAX_UNIT_PRICE + 1),
        ],
    )
    def test_invalid_field_of_a_line_is_named_with_its_place(self, field: str, value: object):
        lines = [BODY["lines"][1], line(**{field: value})]

        assert bad_fields(BODY | {"lines": lines}) == [f"lines[1].{field}"]

    @pytest.mark.parametrize("raw", [None, 1, "85123A", []])
    def test_line_that_is_no_object_is_named(self, raw: object):
        assert bad_fields(BODY | {"lines": [line(), raw]}) == ["lines[1]"]

    def test_two_prices_of_one_sku_are_refused(self):
        assert bad_fields(BODY | {"lines": [line(), line(unit_price=1)]}) == ["lines[1].unit_price"]

    def test_more_than_ninety_skus_are_refused_with_the_limit(self):
        with pytest.raises(InvalidRequestError, match="at most 90 SKUs, not 91"):
            placed(BODY | {"lines": [line(sku=str(i)) for i in range(MAX_SKUS + 1)]})

    def test_every_line_up_to_the_limit_is_validated(self):
        assert len(bad_fields(BODY | {"lines": [0] * MAX_LINES})) == MAX_LINES
        assert placed(BODY | {"lines": [line(quantity=1)] * MAX_LINES}).total == 255 * MAX_LINES

    def test_more_lines_are_not_looked_at(self):
        """What is wrong with each would make an answer that Lambda does not give."""
        with pytest.raises(InvalidRequestError, match="at most 1000 lines, not 1001") as bad:
            placed(BODY | {"lines": [0] * (MAX_LINES + 1)})
        assert [problem.field for problem in bad.value.errors] == ["lines"]

    def test_more_lines_are_not_compared(self):
        """A body has room for 87,000: to look at each would take longer than a function may."""
        lines = [line(quantity=1)] * MAX_LINES + [line(quantity=1, unit_price=1)]

        assert bad_fields(BODY | {"lines": lines}) == ["lines"]

    def test_largest_error_report_fits_into_a_response(self):
        worst = line(sku="\N{GRINNING FACE}" * MAX_TEXT)
        lines = [{**worst, "unit_price": 1 + i} for i in range(MAX_LINES)]
        for each in (lines, [{"sku": 0}] * MAX_LINES):
            with pytest.raises(InvalidRequestError) as bad:
                placed(BODY | {"lines": each})
            # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
            problems = [asdict(problem) for problem in bad.value.errors]
            assert len(json.dumps(json.dumps(problems))) < 6_000_000

    @pytest.mark.parametrize("key", ["", "k" * (MAX_TEXT + 1)])
    def test_invalid_idempotency_key_is_named(self, key: str):
        assert bad_fields(BODY, key=key) == ["Idempotency-Key"]

    def test_every_invalid_field_is_named_together(self):
        body = {"currency": "£", "lines": [line(sku="", quantity=0), 7, line(unit_price=None)]}

        assert bad_fields(body, key="") == [
            "Idempotency-Key",
            "currency",
            "country",
            "lines[0].sku",
            "lines[0].quantity",
            "lines[1]",
            "lines[2].unit_price",
        ]

    @pytest.mark.parametrize(
        "body",
        [
            BODY | {"country": "\ud800"},
            BODY | {"currency": "\ud800\ud800\ud800"},
            BODY | {"lines": [line(sku="\ud800")]},
        ],
    )
    def test_half_a_character_is_no_text(self, body: object):
        """JSON can spell one half of a surrogate pair; no database can keep it."""
        assert len(bad_fields(body)) == 1

    def test_sum_of_a_skus_lines_is_limited(self):
        lines = [line(quantity=MAX_QUANTITY), line(quantity=1)]

        assert bad_fields(BODY | {"lines": lines}) == ["lines[1].quantity"]


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
ALMOST_LINES = st.fixed_dictionaries(
    {},
    optional={
        "sku": st.sampled_from(["A", "B"]) | ANY_JSON,
        "quantity": st.integers(-1, MAX_QUANTITY + 1) | ANY_JSON,
        "unit_price": st.sampled_from([1, 2, MAX_UNIT_PRICE]) | ANY_JSON,
    },
)
ALMOST_ORDERS = st.fixed_dictionaries(
    {},
    optional={
        "currency": st.just("GBP") | ANY_JSON,
        "country": st.just("UK") | ANY_JSON,
        "lines": st.lists(ALMOST_LINES | ANY_JSON, max_size=4) | ANY_JSON,
    },
)
GOOD_ORDERS = st.fixed_dictionaries(
    {
        "currency": st.just("GBP"),
        "country": st.just("UK"),
        "lines": st.lists(
            st.fixed_dictionaries(
                {
                    "sku": st.sampled_from("ABC"),
                    "quantity": st.integers(1, 1000),
                    "unit_price": st.just(7),
                }
            ),
            min_size=1,
            max_size=8,
        ),
    }
)


class TestAnything:
    @given(ANY_JSON | ALMOST_ORDERS)
    def test_any_body_is_an_order_or_names_its_invalid_fields(self, body: object):
        try:
            order = placed(body)
        except InvalidRequestError as bad:
            assert bad.errors
            assert all(problem.field and problem.problem for problem in bad.errors)
        else:
            assert order.total > 0

    @given(GOOD_ORDERS)
    def test_summing_loses_nothing(self, body: Any):
        order = placed(body)

        skus = [kept.sku for kept in order.lines]
        assert len(skus) == len(set(skus))
        for sku in skus:
            asked = sum(each["quantity"] for each in body["lines"] if each["sku"] == sku)
            assert [kept.quantity for kept in order.lines if kept.sku == sku] == [asked]
        assert order.total == 7 * sum(each["quantity"] for each in body["lines"])


class TestOrderId:
    def test_same_customer_and_key_is_the_same_order(self):
        assert placed().order_id == placed().order_id == order_id("17850", "536365")

    def test_other_customer_or_key_is_another_order(self):
        ids = {order_id(customer, key) for customer in ("1", "2") for key in ("a", "b")}

        assert len(ids) == 4

    @given(st.text(max_size=4), st.text(max_size=4), st.text(max_size=4), st.text(max_size=4))
    def test_customer_and_key_are_not_run_together(self, a: str, b: str, c: str, d: str):
        assert (order_id(a, b) == order_id(c, d)) == ((a, b) == (c, d))

    @pytest.mark.parametrize(
        ("one", "other"),
        [(("ab", "c"), ("a", "bc")), (("1", "1:11"), ("11:1", "1")), (("", "1:x"), ("x", ""))],
    )
    def test_ids_differ_for_parts_that_are_equal_when_joined(
        self, one: tuple[str, str], other: tuple[str, str]
    ):
        assert order_id(*one) != order_id(*other)

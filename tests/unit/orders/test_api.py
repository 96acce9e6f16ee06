"""What the routes of orders answer."""

from dataclasses import replace

from lambdas.contracts.catalog import Offer
from lambdas.contracts.codec import decode
from lambdas.contracts.problems import ProblemError
from lambdas.contracts.responses import encode_response
from lambdas.orders.api import (
    MAX_EXPLANATION,
    PRICE_NOT_ON_OFFER,
    DelayView,
    OrderView,
    PriceProblem,
)
from lambdas.orders.customer_view import customer_view
from tests.support.order_requests import NOW, placed

OFFER = Offer(currency="GBP", unit_price=255, valid_from=NOW)


def test_order_with_the_longest_explanation_is_shown():
    order = replace(placed(), reason="OutOfStock", explanation="x" * MAX_EXPLANATION)

    assert decode(OrderView, customer_view(order)).explanation == order.explanation


def test_deferred_order_is_shown_as_worked_on():
    order = replace(placed(), deferred_since=NOW, deferred_error="States.Timeout")

    assert decode(OrderView, customer_view(order)).delayed == DelayView(
        since=NOW, explanation="we are working on your order; it takes longer than usual"
    )


def test_refused_price_is_answered_with_the_offers():
    error = PriceProblem(field="lines[0].unit_price", problem="is not on offer", offers=(OFFER,))

    answer = encode_response(ProblemError(PRICE_NOT_ON_OFFER, "no", errors=[error]).problem())

    assert answer["type"] == "urn:problem-type:orders:price-not-on-offer"
    assert answer["errors"] == [
        {
            "field": "lines[0].unit_price",
            "problem": "is not on offer",
            "offers": [
                {"currency": "GBP", "unit_price": 255, "valid_from": "2026-12-01T08:26:00.000Z"}
            ],
        }
    ]

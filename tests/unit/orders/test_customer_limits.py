"""What one customer may have in open orders."""

import pytest

from lambdas.contracts.customer_limits import CustomerLimits
from lambdas.orders.customer_limits import (
    CustomerLimitError,
    OpenOrder,
    check_day,
    check_limits,
    counted,
)
from tests.support.order_requests import placed

LIMITS = CustomerLimits(orders=3, units=20, value=1_000, orders_a_day=5)


def order(units: int = 1, value: int = 1, currency: str = "GBP") -> OpenOrder:
    return OpenOrder(units=units, value=value, currency=currency)


def test_order_counts_for_its_units_and_its_value():
    assert counted(placed()) == order(units=12, value=6 * (255 + 339))


@pytest.mark.parametrize(
    ("new", "others"),
    [
        (order(), [order()] * 2),
        (order(units=20), []),
        (order(units=10), [order(units=10)]),
        (order(value=1_000), []),
        (order(value=1_000), [order(value=1_000, currency="EUR")]),
    ],
)
def test_order_that_reaches_a_limit_is_accepted(new: OpenOrder, others: list[OpenOrder]):
    check_limits(new, others=others, limits=LIMITS)


@pytest.mark.parametrize(
    ("new", "others", "problem"),
    [
        (order(), [order()] * 3, "orders would be 4, and at most 3 may be"),
        (order(units=21), [], "units would be 21, and at most 20 may be"),
        (order(units=1), [order(units=20)], "units would be 21, and at most 20 may be"),
        (order(value=1_001), [], "value in minor units of GBP would be 1001, and at most 1000"),
        (order(value=600), [order(value=401)], "would be 1001, and at most 1000 may be"),
    ],
)
def test_order_beyond_a_limit_is_refused_with_the_limit(
    new: OpenOrder, others: list[OpenOrder], problem: str
):
    with pytest.raises(CustomerLimitError, match=problem):
        check_limits(new, others=others, limits=LIMITS)


def test_every_limit_that_is_exceeded_is_named():
    with pytest.raises(CustomerLimitError, match=r"units .*; value .*"):
        check_limits(order(units=21, value=1_001), others=[], limits=LIMITS)


def test_orders_of_a_day_are_limited_whatever_became_of_them():
    check_day(4, limits=LIMITS)
    with pytest.raises(CustomerLimitError, match=r"placed 5 orders today .* at most 5 may be"):
        check_day(5, limits=LIMITS)

"""How often a customer's open orders are read, and that what was read before opens no limit."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from lambdas.contracts.order_states import OrderState
from lambdas.contracts.times import format_time
from lambdas.orders.customer_limits import CustomerLimitError
from lambdas.orders.customer_orders import (
    MAX_REMEMBERED,
    READ_AGAIN_AFTER,
    TIDY_FROM,
    CustomerOrders,
)
from lambdas.runtime.dynamodb import from_item
from tests.support.order_requests import BODY, line, placed
from tests.support.spy import Spy
from tests.support.stored_orders import StoredOrders

UNITS = 12
"""Of an order that is placed."""


def test_order_costs_a_read_and_a_transaction_of_two_items(
    shop: Callable[..., CustomerOrders], dynamodb: Any
):
    made: list[str] = []
    store = shop(client=Spy(dynamodb, made.append))
    for number in range(TIDY_FROM):
        store.add(placed(key=f"{number}"))

    assert made == ["get_item", "transact_write_items"] * TIDY_FROM
    store.add(placed(key="more"))
    assert made.count("batch_get_item") == 1


def test_open_orders_are_read_again_only_when_there_are_twice_as_many(
    shop: Callable[..., CustomerOrders], dynamodb: Any
):
    made: list[str] = []
    store = shop(client=Spy(dynamodb, made.append))
    for number in range(8 * TIDY_FROM):
        store.add(placed(key=f"{number}"))

    assert made.count("batch_get_item") == 3


def test_refused_customer_cannot_have_the_same_orders_read_each_time(
    shop: Callable[..., CustomerOrders], orders: StoredOrders, dynamodb: Any
):
    """Each of thousands of refused requests would cost as many reads as the limit allows orders."""
    made: list[str] = []
    store = shop(orders=1, client=Spy(dynamodb, made.append))
    first = store.add(placed())
    for number in range(2, 9):
        with pytest.raises(CustomerLimitError):
            store.add(placed(key=f"{number}"))
    assert made.count("batch_get_item") == 1

    orders.put(replace(first, state=OrderState.CANCELLED, sequence=2))
    now = datetime.fromisoformat(placed().placed_at) + READ_AGAIN_AFTER
    assert store.add(replace(placed(key="9"), placed_at=format_time(now)))


def test_retry_cannot_have_the_same_orders_read_each_time(
    shop: Callable[..., CustomerOrders], orders: StoredOrders, dynamodb: Any
):
    """A retry stores nothing, so that the orders of a day do not limit it."""
    made: list[str] = []
    store = shop(orders=3, client=Spy(dynamodb, made.append))
    for key in "123456":
        orders.put(replace(store.add(placed(key=key)), state=OrderState.CANCELLED, sequence=2))
    made.clear()

    for _ in range(5):
        store.add(placed(key="1"))
    assert made.count("batch_get_item") == 1


def test_refused_order_under_a_used_key_makes_no_room_for_another(
    shop: Callable[..., CustomerOrders], dynamodb: Any, customers: str
):
    """The order that has the key is open, though it is none of the others of the refused one."""
    store = shop(units=2 * UNITS - 1)
    first = store.add(placed(key="1"))
    with pytest.raises(CustomerLimitError):
        store.add(placed({**BODY, "lines": [line(quantity=2 * UNITS)]}, key="1"))

    with pytest.raises(CustomerLimitError):
        store.add(placed(key="2"))
    (item,) = dynamodb.scan(TableName=customers)["Items"]
    assert list(from_item(item)["orders"]) == [first.order_id]


def test_smaller_order_than_the_refused_one_is_accepted(
    shop: Callable[..., CustomerOrders], orders: StoredOrders
):
    store = shop(units=2 * UNITS + 1)
    for key in "12":
        orders.put(replace(store.add(placed(key=key)), state=OrderState.CANCELLED, sequence=2))
    large = {**BODY, "lines": [line(quantity=2 * UNITS + 2)]}
    with pytest.raises(CustomerLimitError):
        store.add(placed(large, key="3"))

    assert store.add(placed(key="4"))
    assert store.add(placed(key="5"))
    # The orders that were read before are not those of now.
    with pytest.raises(CustomerLimitError):
        store.add(placed(key="6"))


def test_remembered_customers_are_bounded(shop: Callable[..., CustomerOrders]):
    store = shop(orders=0)
    for number in range(MAX_REMEMBERED + 1):
        with pytest.raises(CustomerLimitError):
            store.add(placed(customer=f"{number}"))

    assert len(store._read_before) <= MAX_REMEMBERED

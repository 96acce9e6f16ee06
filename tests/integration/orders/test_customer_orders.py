"""Placing an order in one transaction with what it counts for against its customer's limits."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.contracts.order_states import OrderState
from lambdas.contracts.times import format_time
from lambdas.orders.admission import TooManyOpenOrdersError
from lambdas.orders.customer_limits import CustomerLimitError
from lambdas.orders.customer_orders import (
    KEPT,
    MAX_BATCH,
    RETRY,
    TIDY_FROM,
    CustomerOrders,
)
from lambdas.orders.domain import KeyReusedError, Order
from lambdas.orders.rows import tombstone_of
from lambdas.runtime.dynamodb import from_item, to_item
from lambdas.runtime.transactions import CONDITION_FAILED
from tests.support.order_requests import BODY, line, placed
from tests.support.spy import Spy, cancelled
from tests.support.stored_orders import StoredOrders

UNITS = 12
"""Of an order that is placed."""
OPEN = [OrderState.PLACED, OrderState.CONFIRMED, OrderState.WITHDRAWN]
ENDED = [OrderState.DISPATCHED, OrderState.REJECTED, OrderState.CANCELLED]


def entries(dynamodb: Any, customers: str) -> dict[str, Any]:
    (item,) = dynamodb.scan(TableName=customers)["Items"]
    entries: dict[str, Any] = from_item(item)["orders"]
    return entries


def test_new_order_is_stored_with_what_it_counts_for(
    shop: Callable[..., CustomerOrders], orders: StoredOrders, dynamodb: Any, customers: str
):
    assert shop().add(placed()) == placed()

    assert orders.find(placed().order_id, customer_id="17850") == placed()
    counts = {"units": UNITS, "value": placed().total, "currency": "GBP"}
    assert entries(dynamodb, customers) == {placed().order_id: counts}


def test_retry_gets_the_order_as_it_is_now(
    shop: Callable[..., CustomerOrders], orders: StoredOrders, dynamodb: Any, customers: str
):
    shop().add(placed())
    confirmed = orders.put(replace(placed(), state=OrderState.CONFIRMED, sequence=2))

    assert shop().add(replace(placed(), placed_at="2026-12-01T09:00:00Z")) == confirmed
    assert len(entries(dynamodb, customers)) == 1


def test_other_order_under_a_used_key_is_refused_and_changes_nothing(
    shop: Callable[..., CustomerOrders], orders: StoredOrders
):
    shop().add(placed())

    with pytest.raises(KeyReusedError):
        shop().add(placed(BODY | {"lines": [line(quantity=1)]}))

    assert orders.find(placed().order_id) == placed()


@pytest.mark.parametrize("state", OPEN)
def test_order_that_has_not_ended_counts(
    shop: Callable[..., CustomerOrders], orders: StoredOrders, state: OrderState
):
    store = shop(orders=1)
    orders.put(replace(store.add(placed()), state=state, sequence=2))

    with pytest.raises(CustomerLimitError, match="orders would be 2"):
        store.add(placed(key="2"))

    assert orders.find(placed(key="2").order_id) is None


@pytest.mark.parametrize("state", ENDED)
def test_write_that_ends_an_order_gives_back_what_it_counted_for(
    shop: Callable[..., CustomerOrders],
    orders: StoredOrders,
    dynamodb: Any,
    customers: str,
    state: OrderState,
):
    store = shop(orders=1)
    orders.put(replace(store.add(placed()), state=state, sequence=2))

    store.add(placed(key="2"))

    assert list(entries(dynamodb, customers)) == [placed(key="2").order_id]


def test_order_that_has_expired_counts_no_longer(
    shop: Callable[..., CustomerOrders], dynamodb: Any, table: str
):
    store = shop(orders=1)
    tombstone = tombstone_of(store.add(placed()), at="2026-12-31T00:00:00Z")
    dynamodb.put_item(TableName=table, Item=to_item(tombstone))

    assert store.add(placed(key="2"))


def test_other_customer_has_limits_of_their_own(shop: Callable[..., CustomerOrders]):
    store = shop(orders=1)
    store.add(placed())

    assert store.add(placed(customer="12583"))


def test_orders_of_a_day_count_until_it_is_over_whatever_became_of_them(
    shop: Callable[..., CustomerOrders], orders: StoredOrders
):
    """Who places and cancels without end costs the shop charges, refunds and mails."""
    store = shop(a_day=2)
    for number in range(2):
        kept = store.add(placed(key=f"{number}"))
        orders.put(replace(kept, state=OrderState.CANCELLED, sequence=2))

    with pytest.raises(CustomerLimitError, match="placed 2 orders today"):
        store.add(placed(key="3"))

    tomorrow = datetime.fromisoformat(placed().placed_at) + timedelta(days=1)
    assert store.add(replace(placed(key="3"), placed_at=format_time(tomorrow)))


def test_count_of_a_day_does_not_begin_again_for_a_clock_that_is_behind(
    shop: Callable[..., CustomerOrders],
):
    store = shop(a_day=2)
    midnight = datetime.fromisoformat("2026-12-02T00:00:00+00:00")

    def place(key: str, seconds: float) -> Order:
        at = format_time(midnight + timedelta(seconds=seconds))
        return store.add(replace(placed(key=key), placed_at=at))

    place("1", 0.1)
    place("2", -0.2)
    for seconds in (-0.1, 0.3):
        with pytest.raises(CustomerLimitError, match="placed 2 orders today"):
            place("3", seconds)


def test_entries_of_ended_orders_do_not_pile_up(
    shop: Callable[..., CustomerOrders], orders: StoredOrders, dynamodb: Any, customers: str
):
    def end(order: Order) -> None:
        orders.put(replace(order, state=OrderState.DISPATCHED, sequence=3))

    for number in range(3 * TIDY_FROM):
        end(shop().add(placed(key=f"{number}")))

    assert len(entries(dynamodb, customers)) <= TIDY_FROM


def test_retry_of_the_only_order_that_is_allowed_gets_it(shop: Callable[..., CustomerOrders]):
    store = shop(orders=1)
    store.add(placed())

    assert store.add(placed()) == placed()


def test_entries_beyond_one_request_of_reads_count(
    shop: Callable[..., CustomerOrders], orders: StoredOrders, dynamodb: Any, customers: str
):
    held = [orders.put(placed(key=f"{number}")) for number in range(MAX_BATCH + 1)]
    entry = {"units": UNITS, "value": 1, "currency": "GBP"}
    row = {"customer_id": "17850", "version": 1, "orders": {o.order_id: entry for o in held}}
    dynamodb.put_item(TableName=customers, Item=to_item(row))

    shop(orders=MAX_BATCH + 2).add(placed())
    with pytest.raises(CustomerLimitError, match=f"orders would be {MAX_BATCH + 3}"):
        shop(orders=MAX_BATCH + 2).add(placed(key="more"))

    assert len(entries(dynamodb, customers)) == MAX_BATCH + 2


def test_row_goes_long_after_the_last_order(
    shop: Callable[..., CustomerOrders], dynamodb: Any, customers: str
):
    shop().add(placed())

    (item,) = dynamodb.scan(TableName=customers)["Items"]
    placed_at = datetime.fromisoformat(placed().placed_at)
    assert from_item(item)["expires_at"] == int((placed_at + KEPT).timestamp())


@pytest.mark.parametrize(
    ("reason", "raised"),
    [
        ("TransactionConflict", TooManyOpenOrdersError),
        (CONDITION_FAILED, TooManyOpenOrdersError),
        ("ValidationError", ClientError),
    ],
)
def test_order_is_refused_and_not_stored_if_its_customers_row_cannot_be_written(
    shop: Callable[..., CustomerOrders],
    orders: StoredOrders,
    dynamodb: Any,
    monkeypatch: pytest.MonkeyPatch,
    reason: str,
    raised: type[Exception],
):
    made: list[str] = []

    def cancel(operation: str) -> None:
        made.append(operation)
        if operation == "transact_write_items":
            raise cancelled(dynamodb, "None", reason)

    impatient = replace(RETRY, base_delay=0.0)
    monkeypatch.setattr("lambdas.orders.customer_orders.RETRY", impatient)
    with pytest.raises(raised):
        shop(client=Spy(dynamodb, cancel)).add(placed())

    assert orders.find(placed().order_id) is None
    attempts = RETRY.max_attempts if raised is TooManyOpenOrdersError else 1
    assert made == ["get_item", "transact_write_items"] * attempts

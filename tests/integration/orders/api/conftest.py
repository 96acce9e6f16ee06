"""The handlers of the API, over a table of orders; 401 and 403 are API Gateway's own."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.orders.backlog import BacklogStore
from lambdas.orders.domain import Order
from lambdas.orders.rows import row_of
from lambdas.runtime.dynamodb import to_item
from tests.support.offers import put_on_offer
from tests.support.order_api import LIMIT, Handler
from tests.support.order_requests import BODY


@pytest.fixture
def backlog(checkpoints: str, dynamodb: Any) -> BacklogStore:
    return BacklogStore(checkpoints, dynamodb=dynamodb)


@pytest.fixture
def place_order(
    load_handler: Callable[..., Handler],
    make_table: Callable[..., str],
    dynamodb: Any,
    table: str,
    checkpoints: str,
    customers: str,
) -> Handler:
    offers = make_table("offers", "sku")
    put_on_offer(dynamodb, offers, *BODY["lines"])
    settings = {"ORDERS_TABLE": table, "OFFERS_TABLE": offers, "OFFER_GRACE_SECONDS": "900"}
    limit = {"CHECKPOINTS_TABLE": checkpoints, "MAX_OPEN_ORDERS": str(LIMIT)}
    limits = {
        "OPEN_ORDERS_TABLE": customers,
        "CUSTOMER_LIMITS": json.dumps(
            {"orders": 3, "units": 1_000, "value": 10**9, "orders_a_day": 100}
        ),
    }
    return load_handler("lambdas.orders.place_order", **settings, **limit, **limits)


@pytest.fixture
def get_order(load_handler: Callable[..., Handler], table: str) -> Handler:
    return load_handler("lambdas.orders.get_order", ORDERS_TABLE=table)


@pytest.fixture
def cancel_order(load_handler: Callable[..., Handler], table: str) -> Handler:
    return load_handler("lambdas.orders.cancel_order", ORDERS_TABLE=table)


@pytest.fixture
def keep(dynamodb: Any, table: str) -> Callable[[Order], Order]:
    """Keep an order as it is."""

    def keep(order: Order) -> Order:
        dynamodb.put_item(TableName=table, Item=to_item(row_of(order)))
        return order

    return keep

"""The orders table with its sparse indexes, as the stack declares it, and that of checkpoints."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from lambdas.contracts.customer_limits import CustomerLimits
from lambdas.contracts.orders_table import ORDER_INDEXES
from lambdas.orders.customer_orders import CustomerOrders
from tests.support.order_jobs import World
from tests.support.stored_orders import StoredOrders


@pytest.fixture
def table(dynamodb: Any) -> str:
    return make_orders_table(dynamodb)


@pytest.fixture
def orders(dynamodb: Any, table: str) -> StoredOrders:
    return StoredOrders(table, dynamodb=dynamodb)


@pytest.fixture
def world(dynamodb: Any, table: str) -> World:
    return World(dynamodb, table)


@pytest.fixture
def checkpoints(make_table: Callable[..., str]) -> str:
    return make_table("checkpoints", "job")


def make_orders_table(dynamodb: Any) -> str:
    """Make an empty table; returns its name, which no other test has."""
    name = f"orders-indexed-{uuid4().hex}"
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "order_id", "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": attribute, "AttributeType": "S"}
            for attribute in ("order_id", *(name for index in ORDER_INDEXES for name in index))
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": attribute,
                "KeySchema": [
                    {"AttributeName": attribute, "KeyType": "HASH"},
                    {"AttributeName": sorted_by, "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
            for attribute, sorted_by in ORDER_INDEXES
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


@pytest.fixture
def customers(make_table: Callable[..., str]) -> str:
    return make_table("open-orders", "customer_id")


@pytest.fixture
def shop(dynamodb: Any, table: str, customers: str) -> Callable[..., CustomerOrders]:
    """Makes the store of customers' open orders, with limits."""

    def shop(
        *, orders: int = 100, units: int = 10_000, a_day: int = 1_000, client: Any = dynamodb
    ) -> CustomerOrders:
        limits = CustomerLimits(orders=orders, units=units, value=10**9, orders_a_day=a_day)
        return CustomerOrders(customers, orders=table, limits=limits, dynamodb=client)

    return shop

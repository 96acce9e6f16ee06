"""The orders' table with its sparse index, as the stack declares it."""

from itertools import count
from typing import Any

import pytest

from lambdas.orders.store import Orders

_numbers = count(1)


@pytest.fixture
def table(dynamodb: Any) -> str:
    return make_orders_table(dynamodb)


@pytest.fixture
def orders(dynamodb: Any, table: str) -> Orders:
    return Orders(table, dynamodb=dynamodb)


def make_orders_table(dynamodb: Any) -> str:
    """Make an empty table; returns its name, which no other test has."""
    name = f"orders-indexed-{next(_numbers)}"
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "order_id", "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": attribute, "AttributeType": "S"}
            for attribute in ("order_id", "unfinished", "placed_at")
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "unfinished",
                "KeySchema": [
                    {"AttributeName": "unfinished", "KeyType": "HASH"},
                    {"AttributeName": "placed_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return name

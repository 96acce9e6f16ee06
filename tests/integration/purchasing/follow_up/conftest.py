"""A table of purchase orders, and an inventory that counts each delivery once."""

from typing import Any

import pytest

from lambdas.purchasing.store import PurchaseOrders
from tests.support.purchasing import Inventory


@pytest.fixture
def inventory() -> Inventory:
    return Inventory()


@pytest.fixture
def orders(table: str, dynamodb: Any) -> PurchaseOrders:
    return PurchaseOrders(table, dynamodb=dynamodb)

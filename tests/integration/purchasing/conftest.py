from collections.abc import Callable
from typing import Any

import pytest

from lambdas.runtime.dynamodb import from_item


@pytest.fixture
def table(make_table: Callable[..., str]) -> str:
    return make_table("purchase-orders", "purchase_order_id", index=("awaiting", "check_after"))


@pytest.fixture
def rows(dynamodb: Any, table: str) -> Callable[[], list[dict[str, Any]]]:
    """All purchase orders, by SKU."""

    def read() -> list[dict[str, Any]]:
        items = dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
        orders = [row for row in map(from_item, items) if "sku" in row]
        return sorted(orders, key=lambda row: str(row["sku"]))

    return read

from collections.abc import Callable
from typing import Any

import pytest

from lambdas.contracts.event import EventEnvelope, envelope
from lambdas.contracts.inventory import StockBelowMinimum, StockSoldOut
from lambdas.purchasing.domain import LowStockEvent
from lambdas.runtime.dynamodb import from_item

NOW = "2026-01-01T00:00:00+00:00"


def low(
    sku: str, sequence: int, *, kind: type[LowStockEvent] = StockBelowMinimum, minimum: int = 5
) -> EventEnvelope[LowStockEvent]:
    """What inventory tells of a SKU that runs low."""
    available = 0 if kind is StockSoldOut else 1
    return envelope(
        kind(sku=sku, available=available, reserved=3, minimum=minimum),
        subject=sku,
        sequence=sequence,
        correlation_id="o1",
        causation_id="ReserveStock/o1",
        occurred_at=NOW,
    )


@pytest.fixture
def table(make_table: Callable[..., str]) -> str:
    return make_table("purchase-orders", "purchase_order_id", index=("awaiting", "due_at"))


@pytest.fixture
def rows(dynamodb: Any, table: str) -> Callable[[], list[dict[str, Any]]]:
    """All purchase orders, by SKU."""

    def read() -> list[dict[str, Any]]:
        items = dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
        return sorted(map(from_item, items), key=lambda row: str(row["sku"]))

    return read

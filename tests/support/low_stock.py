"""The events that purchasing consumes."""

from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.contracts.inventory import StockBelowMinimum, StockSoldOut
from lambdas.purchasing.domain import LowStockEvent

NOW = "2026-01-01T00:00:00+00:00"


def low(
    sku: str, sequence: int, *, kind: type[LowStockEvent] = StockBelowMinimum, minimum: int = 5
) -> EventEnvelope[LowStockEvent]:
    """Make inventory's event for a SKU that runs low."""
    available = 0 if kind is StockSoldOut else 1
    return envelope(
        kind(sku=sku, available=available, reserved=3, minimum=minimum),
        subject=sku,
        sequence=sequence,
        correlation_id="o1",
        causation_id="ReserveStock/o1",
        occurred_at=NOW,
    )

"""Stock events, as inventory publishes them."""

from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.contracts.inventory import (
    StockChanged,
    StockEvent,
)


def stock_event(
    sku: str, sequence: int, available: int, kind: type[StockEvent] = StockChanged
) -> EventEnvelope[StockEvent]:
    return envelope(
        kind(sku=sku, available=available, reserved=0, minimum=5),
        subject=sku,
        sequence=sequence,
        correlation_id="c",
        causation_id="c",
        occurred_at=f"2026-01-01T00:00:{sequence:02}+00:00",
    )

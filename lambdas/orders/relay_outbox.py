"""The outbox relay: from the stream of the orders table to the bus."""

from collections.abc import Mapping, Sequence
from typing import Any

from lambdas.contracts.envelope import EventEnvelope
from lambdas.orders.events import count_outcomes, event_for_change
from lambdas.orders.rows import is_tombstone, order_of
from lambdas.runtime.aws import client
from lambdas.runtime.bus import Bus
from lambdas.runtime.metrics import put_metrics
from lambdas.runtime.relay import make_relay, relay_batch, row_to_event
from lambdas.runtime.settings import setting

order_event = row_to_event(order_of, event_for_change)


def to_event(
    before: Mapping[str, Any] | None, after: Mapping[str, Any]
) -> EventEnvelope[Any] | None:
    """Return the event of a changed row; None for a tombstone, which has none."""
    return None if is_tombstone(after) else order_event(before, after)


class CountingBus(Bus):
    """The bus, which counts the outcomes of orders: once for each event that it accepts."""

    def publish(self, events: Sequence[EventEnvelope[Any]]) -> list[EventEnvelope[Any]]:
        """Publish the events, and write what was accepted as metrics."""
        rejected = super().publish(events)
        counts = count_outcomes(event for event in events if event not in rejected)
        if counts:
            put_metrics("Orders", {"Environment": setting("ENVIRONMENT")}, **counts)
        return rejected


relay = make_relay(to_event, CountingBus(setting("EVENT_BUS"), eventbridge=client("events")))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Publish the events of the changed rows; return the first record that failed."""
    return relay_batch(relay, event)

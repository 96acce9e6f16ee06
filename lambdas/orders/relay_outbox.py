"""The outbox relay: from the stream of the orders table to the bus."""

from collections.abc import Mapping
from typing import Any

from lambdas.contracts.envelope import EventEnvelope
from lambdas.orders.events import event_for_change
from lambdas.orders.rows import is_tombstone, order_of
from lambdas.runtime.aws import client
from lambdas.runtime.bus import Bus
from lambdas.runtime.relay import make_relay, relay_batch, row_to_event
from lambdas.runtime.settings import setting

order_event = row_to_event(order_of, event_for_change)


def to_event(
    before: Mapping[str, Any] | None, after: Mapping[str, Any]
) -> EventEnvelope[Any] | None:
    """Return the event of a changed row; None for a tombstone, which has none."""
    return None if is_tombstone(after) else order_event(before, after)


relay = make_relay(to_event, Bus(setting("EVENT_BUS"), eventbridge=client("events")))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Publish the events of the changed rows; return the first record that failed."""
    return relay_batch(relay, event)

"""The outbox relay: from the stream of the shipments table to the bus."""

from typing import Any

from lambdas.runtime.aws import client
from lambdas.runtime.bus import Bus
from lambdas.runtime.relay import make_relay, relay_batch, row_to_event
from lambdas.runtime.settings import setting
from lambdas.shipping.domain import event_for_change
from lambdas.shipping.store import shipment_of

relay = make_relay(
    row_to_event(shipment_of, event_for_change),
    Bus(setting("EVENT_BUS"), eventbridge=client("events")),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Publish the events of the changed rows; return the first record that failed."""
    return relay_batch(relay, event)

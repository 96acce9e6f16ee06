"""The outbox relay: from the stream of the table of products to the bus."""

from typing import Any

from lambdas.catalog.domain import event_for_change
from lambdas.catalog.store import product_of
from lambdas.runtime.aws import client
from lambdas.runtime.bus import Bus
from lambdas.runtime.relay import make_relay, relay_batch, row_to_event
from lambdas.runtime.settings import setting

relay = make_relay(
    row_to_event(product_of, event_for_change),
    Bus(setting("EVENT_BUS"), eventbridge=client("events")),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Publish the events of the changed rows; return the first record that failed."""
    return relay_batch(relay, event)

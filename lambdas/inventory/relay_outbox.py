"""The outbox relay: from the stream of the stock table to the topic."""

from typing import Any

from lambdas.inventory.domain import event_for_change
from lambdas.inventory.store import parse_stock_row
from lambdas.runtime.aws import client
from lambdas.runtime.relay import make_relay, relay_batch, row_to_event
from lambdas.runtime.settings import setting
from lambdas.runtime.topic import Topic

relay = make_relay(
    row_to_event(parse_stock_row, event_for_change),
    Topic(setting("STOCK_TOPIC"), sns=client("sns")),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Publish the events of the changed rows; return the first record that failed."""
    return relay_batch(relay, event)

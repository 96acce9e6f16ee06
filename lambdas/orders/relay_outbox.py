"""The outbox relay: from the stream of the orders' table to the bus."""

from collections.abc import Mapping
from typing import Any

from lambdas.contracts.event import EventEnvelope
from lambdas.orders.events import event_for_change
from lambdas.orders.store import order_of
from lambdas.runtime.aws import client
from lambdas.runtime.bus import Bus
from lambdas.runtime.log import log
from lambdas.runtime.relay import Relay
from lambdas.runtime.settings import setting


def event_of_row(
    before: Mapping[str, Any] | None, after: Mapping[str, Any]
) -> EventEnvelope[Any] | None:
    """What the change of an order's row tells."""
    return event_for_change(order_of(before) if before else None, order_of(after))


relay = Relay(
    to_event=event_of_row,
    publisher=Bus(setting("EVENT_BUS"), eventbridge=client("events")),
    dead_letter_queue_url=setting("DEAD_LETTER_QUEUE_URL"),
    sqs=client("sqs"),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Publish what the changes tell; report the first that could not be told as failed."""
    outcome = relay.relay(event["Records"])
    log(
        "outbox relayed",
        published=outcome.published,
        dead_lettered=outcome.dead_lettered,
        rejected=len(outcome.failed),
    )
    return outcome.response

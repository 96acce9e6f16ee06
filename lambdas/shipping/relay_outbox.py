"""The outbox relay: from the stream of the shipments' table to the bus."""

from collections.abc import Mapping
from typing import Any

from lambdas.contracts.codec import decode
from lambdas.contracts.event import EventEnvelope
from lambdas.runtime.aws import client
from lambdas.runtime.bus import Bus
from lambdas.runtime.log import log
from lambdas.runtime.relay import Relay
from lambdas.runtime.settings import setting
from lambdas.shipping.domain import Shipment, event_for_change


def event_for_row(
    before: Mapping[str, Any] | None, after: Mapping[str, Any]
) -> EventEnvelope[Any] | None:
    """What the change of a shipment's row tells."""
    return event_for_change(decode(Shipment, before) if before else None, decode(Shipment, after))


relay = Relay(
    to_event=event_for_row,
    publisher=Bus(setting("EVENT_BUS"), eventbridge=client("events")),
    dead_letter_queue_url=setting("DEAD_LETTER_QUEUE_URL"),
    sqs=client("sqs"),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Publish what the changes tell; report the first that could not be told as failed."""
    outcome = relay.relay(event["Records"])
    log(
        "shipment_outbox_relayed",
        published=outcome.published,
        dead_lettered=outcome.dead_lettered,
        rejected=len(outcome.failed),
    )
    return outcome.response

"""The outbox relay: from the stream of the shipments' table to the bus."""

from collections.abc import Mapping
from typing import Any

from lambdas.contracts.codec import decode
from lambdas.contracts.event import Fact
from lambdas.runtime.aws import client
from lambdas.runtime.bus import Bus
from lambdas.runtime.log import log
from lambdas.runtime.relay import Relay
from lambdas.runtime.settings import setting
from lambdas.shipping.domain import Shipment, announcement


def tell(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Fact[Any] | None:
    """What the change of a shipment's row tells."""
    return announcement(decode(Shipment, before) if before else None, decode(Shipment, after))


relay = Relay(
    tell=tell,
    to=Bus(setting("EVENT_BUS"), events=client("events")),
    parking_queue=setting("PARKING_QUEUE"),
    sqs=client("sqs"),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Publish what the changes tell; report the first that could not be told as failed."""
    outcome = relay.relay(event["Records"])
    log(
        "shipments announced",
        told=outcome.told,
        parked=outcome.parked,
        rejected=len(outcome.failed),
    )
    return outcome.response

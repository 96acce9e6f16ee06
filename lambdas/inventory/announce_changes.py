"""The outbox relay: from the stream of the stock's table to the topic."""

from collections.abc import Mapping
from typing import Any

from lambdas.contracts.event import Fact
from lambdas.inventory.domain import announcement
from lambdas.inventory.store import shelf_of
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.relay import Relay
from lambdas.runtime.settings import setting
from lambdas.runtime.topic import Topic


def tell(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Fact[Any] | None:
    """What the change of a row of stock tells."""
    return announcement(shelf_of(before) if before else None, shelf_of(after))


relay = Relay(
    tell=tell,
    to=Topic(setting("STOCK_TOPIC"), sns=client("sns")),
    parking_queue=setting("PARKING_QUEUE"),
    sqs=client("sqs"),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Publish what the changes tell; report the first that could not be told as failed."""
    outcome = relay.relay(event["Records"])
    log(
        "stock announced",
        told=outcome.told,
        parked=outcome.parked,
        rejected=len(outcome.failed),
    )
    return outcome.response

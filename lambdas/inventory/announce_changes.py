"""The outbox relay: from the stream of the stock's table to the topic."""

from collections.abc import Mapping
from typing import Any

from lambdas.contracts.event import EventEnvelope
from lambdas.inventory.domain import announcement
from lambdas.inventory.store import shelf_of
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.relay import Relay
from lambdas.runtime.settings import setting
from lambdas.runtime.topic import Topic


def tell(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> EventEnvelope[Any] | None:
    """What the change of a row of stock tells."""
    return announcement(shelf_of(before) if before else None, shelf_of(after))


relay = Relay(
    to_event=tell,
    publisher=Topic(setting("STOCK_TOPIC"), sns=client("sns")),
    dead_letter_queue_url=setting("DEAD_LETTER_QUEUE_URL"),
    sqs=client("sqs"),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Publish what the changes tell; report the first that could not be told as failed."""
    outcome = relay.relay(event["Records"])
    log(
        "stock announced",
        published=outcome.published,
        dead_lettered=outcome.dead_lettered,
        rejected=len(outcome.failed),
    )
    return outcome.response

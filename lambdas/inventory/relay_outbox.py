"""The outbox relay: from the stream of the stock's table to the topic."""

from collections.abc import Mapping
from typing import Any

from lambdas.contracts.event import EventEnvelope
from lambdas.inventory.domain import event_for_change
from lambdas.inventory.store import parse_stock_row
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.relay import Relay
from lambdas.runtime.settings import setting
from lambdas.runtime.topic import Topic


def event_for_row(
    before: Mapping[str, Any] | None, after: Mapping[str, Any]
) -> EventEnvelope[Any] | None:
    """What the change of a row of stock tells."""
    return event_for_change(parse_stock_row(before) if before else None, parse_stock_row(after))


relay = Relay(
    to_event=event_for_row,
    publisher=Topic(setting("STOCK_TOPIC"), sns=client("sns")),
    dead_letter_queue_url=setting("DEAD_LETTER_QUEUE_URL"),
    sqs=client("sqs"),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Publish what the changes tell; report the first that could not be told as failed."""
    outcome = relay.relay(event["Records"])
    log(
        "stock_outbox_relayed",
        published=outcome.published,
        dead_lettered=outcome.dead_lettered,
        rejected=len(outcome.failed),
    )
    return outcome.response

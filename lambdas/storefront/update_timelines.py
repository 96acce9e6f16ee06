"""On events of all services about orders: update the orders' timelines."""

from functools import partial
from typing import Any

from lambdas.contracts.order_stream import ORDER_STREAM_EVENTS
from lambdas.contracts.parsing import parse_event_if_known
from lambdas.runtime.aws import client
from lambdas.runtime.consumer import StreamConsumer
from lambdas.runtime.dead_letters import make_dead_letter_queue
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.storefront.projections import update_timelines
from lambdas.storefront.store import PerOrderView

view = PerOrderView(setting("TIMELINES_TABLE"), dynamodb=client("dynamodb"))
consumer = StreamConsumer(
    parse=partial(parse_event_if_known, ORDER_STREAM_EVENTS),
    handle=partial(update_timelines, view),
    dead_letters=make_dead_letter_queue(),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Update the view; return the failed records, so that Lambda retries them."""
    outcome = consumer.process(event["Records"])
    log("timelines_updated", **outcome.counts)
    return outcome.response

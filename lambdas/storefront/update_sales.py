"""On OrderConfirmed: count sales."""

from functools import partial
from typing import Any

from lambdas.contracts.orders import OrderConfirmed
from lambdas.contracts.parsing import parse_event_if_known
from lambdas.runtime.aws import client
from lambdas.runtime.consumer import StreamConsumer
from lambdas.runtime.dead_letters import make_dead_letter_queue
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.storefront import projections
from lambdas.storefront.store import SalesView

view = SalesView(setting("SALES_TABLE"), dynamodb=client("dynamodb"))
consumer = StreamConsumer(
    parse=partial(parse_event_if_known, [OrderConfirmed]),
    handle=partial(projections.update_sales, view),
    dead_letters=make_dead_letter_queue(),
    whole_batch=True,
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Update the view; return the failed records, so that Lambda retries them."""
    outcome = consumer.process(event["Records"])
    log("sales_updated", **outcome.counts)
    return outcome.response

"""On stock events: update the availability of SKUs."""

from functools import partial
from typing import Any

from lambdas.contracts.inventory import STOCK_EVENTS
from lambdas.contracts.parsing import parse_event
from lambdas.runtime.aws import client
from lambdas.runtime.consumer import BatchConsumer
from lambdas.runtime.dead_letters import make_dead_letter_queue
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.storefront.projections import update_availability
from lambdas.storefront.store import AvailabilityView

view = AvailabilityView(setting("AVAILABILITY_TABLE"), dynamodb=client("dynamodb"))
consumer = BatchConsumer(
    parse=partial(parse_event, STOCK_EVENTS),
    handle=partial(update_availability, view),
    dead_letters=make_dead_letter_queue(),
    by_group=True,
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Update the view; return the failed records, so that Lambda retries them."""
    outcome = consumer.process(event["Records"])
    log("availability_updated", **outcome.counts)
    return outcome.response

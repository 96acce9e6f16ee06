"""The stock of some SKUs changed: show it."""

from functools import partial
from typing import Any

from lambdas.contracts.inventory import STOCK_EVENTS, hear_stock
from lambdas.runtime.aws import client
from lambdas.runtime.inbox import Inbox
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.storefront.projections import show_availability
from lambdas.storefront.store import Availabilities

shown = Availabilities(setting("AVAILABILITY_TABLE"), dynamodb=client("dynamodb"))
inbox = Inbox(
    hear=partial(hear_stock, STOCK_EVENTS),
    act=partial(show_availability, shown),
    parking_queue=setting("PARKING_QUEUE"),
    sqs=client("sqs"),
    at_once=True,
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Show what changed; report what could not be shown as failed."""
    outcome = inbox.receive(event["Records"])
    log(
        "availability updated",
        heard=outcome.heard,
        parked=outcome.parked,
        failed=len(outcome.failed),
    )
    return outcome.response

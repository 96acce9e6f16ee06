"""Some orders were confirmed: count what was sold."""

from functools import partial
from typing import Any

from lambdas.contracts.order_facts import hear_order
from lambdas.contracts.orders import OrderConfirmed
from lambdas.runtime.aws import client
from lambdas.runtime.inbox import StreamInbox
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.storefront import projections
from lambdas.storefront.store import Sales

view = Sales(setting("SALES_TABLE"), dynamodb=client("dynamodb"))
inbox = StreamInbox(
    hear=partial(hear_order, [OrderConfirmed]),
    act=partial(projections.count_sales, view),
    parking_queue=setting("PARKING_QUEUE"),
    sqs=client("sqs"),
    together=True,
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Count what was sold; report what could not be counted as failed."""
    outcome = inbox.receive(event["Records"])
    log("sales counted", heard=outcome.heard, parked=outcome.parked, failed=len(outcome.failed))
    return outcome.response

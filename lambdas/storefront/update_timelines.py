"""Something happened to some orders: add it to their timelines."""

from functools import partial
from typing import Any

from lambdas.contracts.order_facts import ORDER_FACTS, hear_order
from lambdas.runtime.aws import client
from lambdas.runtime.inbox import StreamInbox
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.storefront.projections import note_timelines
from lambdas.storefront.store import Noted

view = Noted(setting("TIMELINES_TABLE"), dynamodb=client("dynamodb"))
inbox = StreamInbox(
    hear=partial(hear_order, ORDER_FACTS),
    act=partial(note_timelines, view),
    parking_queue=setting("PARKING_QUEUE"),
    sqs=client("sqs"),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Note what happened; report what could not be noted as failed."""
    outcome = inbox.receive(event["Records"])
    log("timelines updated", heard=outcome.heard, parked=outcome.parked, failed=len(outcome.failed))
    return outcome.response

"""Some orders were confirmed: count what was sold."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from lambdas.contracts.event import Fact
from lambdas.contracts.order_facts import hear_order
from lambdas.contracts.orders import OrderConfirmed
from lambdas.runtime.aws import client
from lambdas.runtime.inbox import StreamInbox
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.storefront.domain import sales, transactions
from lambdas.storefront.store import Sales

view = Sales(setting("SALES_TABLE"), dynamodb=client("dynamodb"))


def count(facts: Sequence[Fact[OrderConfirmed]]) -> None:
    """Count each of a batch's orders once, in as few transactions as hold them."""
    for group in transactions(sales(facts)):
        view.count(group)


inbox = StreamInbox(
    hear=partial(hear_order, [OrderConfirmed]),
    act=count,
    parking_queue=setting("PARKING_QUEUE"),
    sqs=client("sqs"),
    together=True,
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Count what was sold; report what could not be counted as failed."""
    outcome = inbox.receive(event["Records"])
    log("sales counted", heard=outcome.heard, parked=outcome.parked, failed=len(outcome.failed))
    return outcome.response

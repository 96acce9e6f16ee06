"""Stock runs low: order more, once for each time that it does."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from lambdas.contracts.event import Fact
from lambdas.contracts.inventory import hear_stock
from lambdas.purchasing.domain import HEARD, RunningLow, purchase_order
from lambdas.purchasing.store import PurchaseOrders
from lambdas.runtime.aws import client
from lambdas.runtime.inbox import Inbox
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

orders = PurchaseOrders(setting("PURCHASE_ORDERS_TABLE"), dynamodb=client("dynamodb"))
LEAD_TIME = timedelta(seconds=int(setting("LEAD_TIME_SECONDS")))


def order_more(facts: Sequence[Fact[RunningLow]]) -> None:
    """Raise the purchase order that each fact leads to."""
    for fact in facts:
        orders.raise_once(purchase_order(fact, now=datetime.now(UTC), lead_time=LEAD_TIME))


inbox = Inbox(
    hear=partial(hear_stock, HEARD),
    act=order_more,
    parking_queue=setting("PARKING_QUEUE"),
    sqs=client("sqs"),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Order more of what runs low; report what could not be ordered as failed."""
    outcome = inbox.receive(event["Records"])
    log(
        "purchase orders raised",
        heard=outcome.heard,
        parked=outcome.parked,
        failed=len(outcome.failed),
    )
    return outcome.response

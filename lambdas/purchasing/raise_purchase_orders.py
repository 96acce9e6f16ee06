"""On StockBelowMinimum and StockSoldOut: raise one purchase order for each event."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.parsing import parse_event
from lambdas.purchasing.domain import LOW_STOCK_EVENTS, LowStockEvent, plan_purchase_order
from lambdas.purchasing.store import PurchaseOrders
from lambdas.runtime.aws import client
from lambdas.runtime.consumer import BatchConsumer
from lambdas.runtime.dead_letters import make_dead_letter_queue
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

orders = PurchaseOrders(setting("PURCHASE_ORDERS_TABLE"), dynamodb=client("dynamodb"))


def raise_purchase_orders(events: Sequence[EventEnvelope[LowStockEvent]]) -> None:
    """Raise the purchase order for each event."""
    for event in events:
        orders.put_once(plan_purchase_order(event, now=datetime.now(UTC)))


consumer = BatchConsumer(
    parse=partial(parse_event, LOW_STOCK_EVENTS),
    handle=raise_purchase_orders,
    dead_letters=make_dead_letter_queue(),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Raise purchase orders; return the messages that failed, so that SQS delivers them again."""
    outcome = consumer.process(event["Records"])
    log("purchase_orders_raised", **outcome.counts)
    return outcome.response

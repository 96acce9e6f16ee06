"""On orders' events: update the lists of customers' orders."""

from functools import partial
from typing import Any

from lambdas.contracts.parsing import parse_event_if_known
from lambdas.runtime.aws import client
from lambdas.runtime.consumer import StreamConsumer
from lambdas.runtime.dead_letters import make_dead_letter_queue
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.storefront.customer_orders import CUSTOMER_ORDER_EVENTS
from lambdas.storefront.projections import update_customer_orders
from lambdas.storefront.store import CustomerOrdersView

view = CustomerOrdersView(setting("CUSTOMER_ORDERS_TABLE"), dynamodb=client("dynamodb"))
consumer = StreamConsumer(
    parse=partial(parse_event_if_known, CUSTOMER_ORDER_EVENTS),
    handle=partial(update_customer_orders, view),
    dead_letters=make_dead_letter_queue(),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Update the view; return the failed records, so that Lambda retries them."""
    outcome = consumer.process(event["Records"])
    log("customer_orders_updated", **outcome.counts)
    return outcome.response

"""Some orders came to another state: show it to their customers."""

from functools import partial
from typing import Any

from lambdas.contracts.order_facts import hear_order
from lambdas.runtime.aws import client
from lambdas.runtime.inbox import StreamInbox
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.storefront.domain import LISTED
from lambdas.storefront.projections import note_orders
from lambdas.storefront.store import CustomersOrders

view = CustomersOrders(setting("CUSTOMERS_ORDERS_TABLE"), dynamodb=client("dynamodb"))
inbox = StreamInbox(
    hear=partial(hear_order, LISTED),
    act=partial(note_orders, view),
    parking_queue=setting("PARKING_QUEUE"),
    sqs=client("sqs"),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Show what changed; report what could not be shown as failed."""
    outcome = inbox.receive(event["Records"])
    log(
        "customers' orders updated",
        heard=outcome.heard,
        parked=outcome.parked,
        failed=len(outcome.failed),
    )
    return outcome.response

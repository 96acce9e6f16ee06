"""Another service still holds something for an order: tell it what became of the order."""

from datetime import UTC, datetime
from typing import Any

from lambdas.contracts.event import parse_event
from lambdas.orders.domain import UnknownOrderError
from lambdas.orders.status_queries import STATUS_QUERIES, status_report
from lambdas.orders.store import Orders
from lambdas.runtime.aws import client
from lambdas.runtime.bus import Bus
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

orders = Orders(setting("ORDERS_TABLE"), dynamodb=client("dynamodb"))
bus = Bus(setting("EVENT_BUS"), eventbridge=client("events"))


class PublishError(Exception):
    """The answer did not get onto the bus; asked again, it may."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer the question on the bus; raise PublishError if it is not taken.

    Raises UnknownOrderError when there is no such order. Every order was there before anything was
    held for it, so its row has been lost, or has expired: a person has to see whether it stands.
    """
    query = parse_event(STATUS_QUERIES, event)
    order = orders.find(query.data.order_id)
    if order is None:
        subject = query.metadata.subject
        raise UnknownOrderError(f"there is no order {query.data.order_id}, and there is {subject}")
    report = status_report(query, order, now=datetime.now(UTC).isoformat())
    if bus.publish([report]):
        raise PublishError(f"the bus did not take what became of order {report.data.order_id}")
    log("order status reported", order_id=report.data.order_id, state=report.data.state)
    return {"order_id": report.data.order_id, "state": report.data.state}

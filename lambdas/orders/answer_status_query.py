"""On a status query of another service: publish the order's state."""

from typing import Any

from lambdas.contracts.parsing import parse_event
from lambdas.orders.domain import UnknownOrderError
from lambdas.orders.status_queries import STATUS_QUERIES, status_report
from lambdas.orders.store import Orders
from lambdas.runtime.aws import client
from lambdas.runtime.bus import Bus
from lambdas.runtime.clock import current_time
from lambdas.runtime.errors import PublishError
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

orders = Orders(setting("ORDERS_TABLE"), dynamodb=client("dynamodb"))
bus = Bus(setting("EVENT_BUS"), eventbridge=client("events"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Publish the order's state as the answer to the query.

    Raises:
        PublishError: the bus rejected the answer; a retry may succeed.
        UnknownOrderError: there is no such order. Services only act for orders that exist, so its
            row was lost or has expired: a person has to decide.
    """
    query = parse_event(STATUS_QUERIES, event)
    order = orders.find(query.data.order_id)
    if order is None:
        subject = query.metadata.subject
        raise UnknownOrderError(f"there is no order {query.data.order_id}, and there is {subject}")
    report = status_report(query, order, now=current_time())
    if bus.publish([report]):
        raise PublishError(f"the bus rejected the status of order {report.data.order_id}")
    log("order_status_reported", order_id=report.data.order_id, state=report.data.state)
    return {"order_id": report.data.order_id, "state": report.data.state}

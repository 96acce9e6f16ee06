"""GET /orders/{order_id}/timeline: the events of a customer's order."""

from typing import Any

from lambdas.contracts.codec import decode
from lambdas.contracts.problems import NOT_FOUND, ProblemError
from lambdas.runtime import http
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.storefront.api import OrderPath, Timeline
from lambdas.storefront.store import PerOrderView
from lambdas.storefront.timeline import render_timeline

view = PerOrderView(setting("TIMELINES_TABLE"), dynamodb=client("dynamodb"))


@http.answer_problems
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return 200 with the timeline, or 404 if the order is unknown or another customer's."""
    order_id = http.path(event, OrderPath).order_id
    row = view.find(order_id, customer_id=http.caller_id(event))
    log("timeline_requested", order_id=order_id, found=bool(row))
    if row is None:
        raise ProblemError(NOT_FOUND, f"you have no order {order_id}")
    return http.cached_response(event, decode(Timeline, render_timeline(row)))

"""GET /orders/{order_id}/timeline: the events of a customer's order."""

from typing import Any

from lambdas.runtime import http
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.storefront.store import PerOrderView
from lambdas.storefront.timeline import render_timeline

view = PerOrderView(setting("TIMELINES_TABLE"), dynamodb=client("dynamodb"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return 200 with the timeline, or 404 if the order is unknown or another customer's."""
    order_id = event["pathParameters"]["order_id"]
    row = view.find(order_id, customer_id=http.caller_id(event))
    log("timeline_requested", order_id=order_id, found=row is not None)
    if row is None:
        return http.json_response(404, {"message": f"you have no order {order_id}"})
    return http.cached_response(event, render_timeline(row))

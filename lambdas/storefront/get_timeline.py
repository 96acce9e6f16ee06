"""GET /orders/{order_id}/timeline: the events of a customer's order."""

from collections.abc import Mapping
from typing import Any

from lambdas.contracts.codec import ContractError, decode
from lambdas.contracts.problems import NOT_FOUND, ProblemError
from lambdas.contracts.versions import CONVERSION_ERRORS
from lambdas.runtime import http
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.runtime.unreadable import report_unreadable
from lambdas.storefront.api import OrderPath, Timeline
from lambdas.storefront.store import PerOrderView
from lambdas.storefront.timeline import render_timeline

view = PerOrderView(setting("TIMELINES_TABLE"), dynamodb=client("dynamodb"))


@http.answer_problems
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return 200 with the timeline, or 404 if the order is unknown or another customer's.

    An event that cannot be read, because somebody edited the row, is left out.
    """
    order_id = http.path(event, OrderPath).order_id
    row = view.find(order_id, customer_id=http.caller_id(event))
    log("timeline_requested", order_id=order_id, found=bool(row))
    if row is None:
        raise ProblemError(NOT_FOUND, f"you have no order {order_id}")
    return http.cached_response(event, timeline(row))


def timeline(row: Mapping[str, Any]) -> Timeline:
    """Return the timeline with those events of an order's row that can be read."""
    readable = {name: value for name, value in row.items() if _is_readable(row, name)}
    return decode(Timeline, render_timeline(readable))


def _is_readable(row: Mapping[str, Any], name: str) -> bool:
    try:
        decode(Timeline, render_timeline({"order_id": row["order_id"], name: row[name]}))
    except (ContractError, *CONVERSION_ERRORS) as error:
        ids = {"order_id": row["order_id"], "name": name}
        report_unreadable("timeline_event_left_out", **ids, error=repr(error))
        return False
    return True

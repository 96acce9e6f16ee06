"""GET /sales: the sales of a day (UTC), by minute or by product."""

from typing import Any

from lambdas.runtime import http
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.storefront.queries import InvalidQueryError, parse_sales_query
from lambdas.storefront.sales import render_sales
from lambdas.storefront.store import SalesView

view = SalesView(setting("SALES_TABLE"), dynamodb=client("dynamodb"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return 200 with the counters, or 400 naming every invalid parameter."""
    try:
        day, per = parse_sales_query(http.query_parameters(event))
    except InvalidQueryError as bad:
        log("sales_query_rejected", problems=len(bad.problems))
        return http.json_response(400, {"message": "bad parameters", "problems": bad.problems})
    counters = render_sales(per, view.read_counters(day, per))
    log("sales_returned", day=day, per=per, counters=len(counters))
    return http.cached_response(event, {"day": day, "per": per, "sales": counters})

"""GET /sales: the sales of a day (UTC), by minute or by product."""

from typing import Any

from lambdas.contracts.codec import decode
from lambdas.runtime import http
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.storefront.api import Sales
from lambdas.storefront.queries import parse_sales_query
from lambdas.storefront.sales import render_sales
from lambdas.storefront.store import SalesView

view = SalesView(setting("SALES_TABLE"), dynamodb=client("dynamodb"))


@http.answer_problems
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return 200 with the counters, or 400 naming every invalid parameter."""
    day, per = parse_sales_query(http.query_parameters(event))
    counters = render_sales(per, view.read_counters(day, per))
    log("sales_returned", day=day, per=per, counters=len(counters))
    content = {"day": day, "per": per, "sales": counters}
    return http.cached_response(event, decode(Sales, content))

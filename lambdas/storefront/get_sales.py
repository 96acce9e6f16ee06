"""GET /sales: the sales of a day (UTC), by minute or by product, page by page."""

from collections.abc import Mapping
from typing import Any

from lambdas.contracts.codec import ContractError, decode
from lambdas.runtime import http
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting
from lambdas.runtime.unreadable import report_unreadable
from lambdas.storefront.api import Sales, SalesCount
from lambdas.storefront.queries import encode_page_token, parse_sales_query
from lambdas.storefront.sales import render_sales
from lambdas.storefront.store import SalesView

view = SalesView(setting("SALES_TABLE"), dynamodb=client("dynamodb"))


@http.answer_problems
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return 200 with a page of counters, or 400 naming every invalid parameter.

    A counter whose sum cannot be shown, because somebody edited a row, is left out.
    """
    request = parse_sales_query(http.query_parameters(event))
    rows, complete_to = view.read_counters(request, report=report_unreadable)
    counters, position = render_sales(
        request.per, rows, limit=request.limit, complete_to=complete_to
    )
    sales = tuple(count for counter in counters if (count := sales_count(counter)))
    log("sales_returned", day=request.day, per=request.per, counters=len(sales))
    following = encode_page_token(position) or None
    return http.cached_response(
        event, Sales(day=request.day, per=request.per, sales=sales, next=following)
    )


def sales_count(counter: Mapping[str, Any]) -> SalesCount | None:
    """Return a counter as the API shows it; None if its sum is larger than any can be."""
    try:
        return decode(SalesCount, counter)
    except ContractError as error:
        report_unreadable("sales_left_out", counter=dict(counter), error=str(error))
        return None

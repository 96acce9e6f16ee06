"""POST /orders: accept an order. Its event goes out from the table's stream."""

from datetime import UTC, datetime
from typing import Any

from lambdas.orders.dedup_index import with_dedup_key
from lambdas.orders.domain import KeyReusedError
from lambdas.orders.order_request import BadRequestError, parse_order_request
from lambdas.orders.store import Orders
from lambdas.runtime import http
from lambdas.runtime.aws import client
from lambdas.runtime.log import log
from lambdas.runtime.settings import setting

orders = Orders(setting("ORDERS_TABLE"), dynamodb=client("dynamodb"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer 202 with the order's id, 400 naming every bad field, or 409 for a reused key.

    A retry is answered with what the order is by then.
    """
    try:
        requested = parse_order_request(
            http.body(event),
            customer_id=http.caller_id(event),
            idempotency_key=http.header(event, "Idempotency-Key"),
            request_id=http.request_id(event),
            now=datetime.now(UTC).isoformat(),
        )
        order = orders.add(with_dedup_key(requested))
    except BadRequestError as bad:
        log("order refused", problems=len(bad.errors))
        problems = [{"field": p.field, "problem": p.problem} for p in bad.errors]
        return http.json_response(
            400, {"message": "the order has bad fields", "problems": problems}
        )
    except http.NotJsonError as bad:
        log("order refused", problems=1)
        return http.json_response(400, {"message": str(bad), "problems": []})
    except KeyReusedError as conflict:
        log("order refused", reason=str(conflict))
        return http.json_response(409, {"message": str(conflict)})
    log("order placed", order_id=order.order_id)
    return http.json_response(202, {"order_id": order.order_id, "state": order.state})

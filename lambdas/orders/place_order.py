"""POST /orders: accept an order. The outbox relay publishes its event."""

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
    """Return 202 with the order's id, 400 naming every bad field, or 409 for a reused key.

    A retry gets the order's id and its current state.
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
        log("order_request_refused", problems=len(bad.errors))
        problems = [{"field": p.field, "problem": p.problem} for p in bad.errors]
        return http.json_response(
            400, {"message": "the order has bad fields", "problems": problems}
        )
    except http.NotJsonError as bad:
        log("order_request_refused", problems=1)
        return http.json_response(400, {"message": str(bad), "problems": []})
    except KeyReusedError as conflict:
        log("order_request_refused", reason=str(conflict))
        return http.json_response(409, {"message": str(conflict)})
    log("order_placed", order_id=order.order_id)
    return http.json_response(202, {"order_id": order.order_id, "state": order.state})

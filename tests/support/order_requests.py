"""Requests as API Gateway hands them over, and orders made of them."""

import json
from typing import Any

from lambdas.orders.domain import Order
from lambdas.orders.order_request import parse_order_request

NOW = "2026-12-01T08:26:00+00:00"
BODY: dict[str, Any] = {
    "currency": "GBP",
    "country": "United Kingdom",
    "lines": [
        {"sku": "85123A", "quantity": 6, "unit_price": 255},
        {"sku": "71053", "quantity": 6, "unit_price": 339},
    ],
}
NO_LIMITS = json.dumps(dict.fromkeys(["orders", "units", "value", "orders_a_day"], 10**9))
"""The setting of a shop whose customers may have as much as they want."""


def placed(body: object = BODY, *, customer: str = "17850", key: str = "536365") -> Order:
    """An order, as it is before it is kept."""
    return parse_order_request(
        body, customer_id=customer, idempotency_key=key, request_id="request-1", now=NOW
    )


def line(**changed: Any) -> dict[str, Any]:
    return {"sku": "85123A", "quantity": 6, "unit_price": 255} | changed


def request(
    body: object = BODY, *, customer: str = "17850", key: str | None = "536365"
) -> dict[str, Any]:
    """POST /orders."""
    headers = {"content-type": "application/json"}
    return {
        "version": "2.0",
        "routeKey": "POST /orders",
        "headers": headers if key is None else headers | {"idempotency-key": key},
        "requestContext": {
            "requestId": "request-1",
            "authorizer": {"jwt": {"claims": {"sub": customer}, "scopes": None}},
        },
        "body": body if isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
    }


def query(order_id: str, *, customer: str = "17850", method: str = "GET") -> dict[str, Any]:
    """GET or DELETE /orders/{order_id}."""
    return request(customer=customer) | {
        "routeKey": f"{method} /orders/{{order_id}}",
        "pathParameters": {"order_id": order_id},
        "body": None,
    }

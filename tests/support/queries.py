"""Calls the query functions as API Gateway does."""

import json
from collections.abc import Callable
from typing import Any

Get = Callable[..., tuple[int, Any]]


def make_get(handler: Any) -> Get:
    """Return a function that calls a query's handler and returns status and content or ETag."""

    def get(
        *, customer: str = "ada", order_id: str = "", tag: str = "", **parameters: str
    ) -> tuple[int, Any]:
        event = {
            "requestContext": {"authorizer": {"jwt": {"claims": {"sub": customer}}}},
            "pathParameters": {"order_id": order_id},
            "headers": {"if-none-match": tag} if tag else {},
            **({"queryStringParameters": parameters} if parameters else {}),
        }
        answer = handler(event, None)
        content = json.loads(answer["body"]) if "body" in answer else answer["headers"]["etag"]
        return answer["statusCode"], content

    return get

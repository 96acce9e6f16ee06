"""Requests and responses of an HTTP API (payload format 2.0).

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

MAX_FORM = 4_096
"""The most characters of a posted form."""


class NotJsonError(Exception):
    """The request's body is not JSON."""


def body(event: Mapping[str, Any]) -> Any:
    """Return the request's body, parsed; raise NotJsonError when it is not JSON."""
    text = event.get("body") or ""
    try:
        return json.loads(base64.b64decode(text) if event.get("isBase64Encoded") else text)
    except (ValueError, RecursionError) as error:
        raise NotJsonError(f"the body is not JSON: {error}") from None


def form(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields of a posted HTML form; none if the body is no small form.

    https://url.spec.whatwg.org/#application/x-www-form-urlencoded
    """
    text = str(event.get("body") or "")
    if len(text) > MAX_FORM:
        return {}
    try:
        if event.get("isBase64Encoded"):
            text = base64.b64decode(text).decode()
        return dict(parse_qsl(text, max_num_fields=10))
    except ValueError:
        return {}


def header(event: Mapping[str, Any], name: str) -> str:
    """Return a header's value, or an empty string; HTTP APIs send header names in lower case."""
    return str(event.get("headers", {}).get(name.lower(), ""))


def query_parameters(event: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the query's parameters; the values of a repeated one are joined by commas."""
    return event.get("queryStringParameters") or {}


def caller_id(event: Mapping[str, Any]) -> str:
    """Return the caller's id: the subject of the token that the authorizer has verified."""
    return str(event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"])


def request_id(event: Mapping[str, Any]) -> str:
    """Return the id that API Gateway gave the request."""
    return str(event["requestContext"]["requestId"])


def json_response(status: int, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a response with a JSON body."""
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json", "cache-control": "no-store"},
        "body": json.dumps(content),
    }


def html_response(status: int, page: str) -> dict[str, Any]:
    """Return a response with an HTML page that runs no script, loads nothing and fits no frame."""
    policy = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    return {
        "statusCode": status,
        "headers": {
            "content-type": "text/html; charset=utf-8",
            "cache-control": "no-store",
            "content-security-policy": policy,
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
        },
        "body": page,
    }


def cached_response(event: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a response with a JSON body and its ETag, or 304 if the caller has that body already.

    https://www.rfc-editor.org/rfc/rfc9110#name-if-none-match
    """
    full = json_response(200, content)
    tag = f'"{sha256(full["body"].encode()).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": "private, no-cache"}
    known = {each.strip().removeprefix("W/") for each in header(event, "If-None-Match").split(",")}
    if known & {tag, "*"}:
        return {"statusCode": 304, "headers": headers}
    return full | {"headers": full["headers"] | headers}

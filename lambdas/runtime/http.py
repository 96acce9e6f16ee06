"""Requests and responses of the HTTP API (payload format 2.0).

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from functools import wraps
from hashlib import sha256
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from lambdas.contracts.codec import ContractError
from lambdas.contracts.problems import (
    BODY_TOO_LARGE,
    UNREADABLE,
    FieldProblem,
    InvalidRequestError,
    ProblemError,
)
from lambdas.contracts.requests import parse_request
from lambdas.contracts.responses import encode_response
from lambdas.runtime.log import log
from lambdas.runtime.unreadable import report_unreadable

T = TypeVar("T")
Request = Mapping[str, Any]
Response = dict[str, Any]

MAX_FORM = 4_096
"""The most characters of a posted form."""
MAX_BODY_BYTES = 256 * 1024
"""The largest order is smaller, unless it escapes every character."""
MAX_DEPTH = 8
"""The deepest nesting of arrays and objects; an order has three levels."""
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)


def answer_problems(handler: Callable[[Any, Any], Response]) -> Callable[[Any, Any], Response]:
    """Decorate a handler: if it raises ProblemError, log it and return it as the response.

    If it raises ContractError, a row cannot be read, because somebody edited it. The response says
    so, and nothing of the row; the log names it, and an alarm notifies an operator.
    """

    @wraps(handler)
    def answered(event: Request, context: object) -> Response:
        try:
            return handler(event, context)
        except ProblemError as refusal:
            fields = [each.field for each in refusal.errors][:10]
            log("request_refused", problem=refusal.kind.name, fields=fields)
            return problem_response(refusal)
        except ContractError as error:
            key, request = dict(path_parameters(event)), event.get("requestContext", {})
            asked = {"key": key, "request_id": request.get("requestId")}
            report_unreadable("row_unreadable", **asked, error=str(error))
            text = "nothing is lost, but a record of this cannot be read now; we look into it"
            return problem_response(ProblemError(UNREADABLE, text))

    return answered


def body(event: Request) -> Any:
    """Return the request's body, parsed from JSON.

    Size and depth are checked before parsing, because parsing a nested body takes some hundred
    times its size in memory.

    Raises:
        ProblemError: it is larger than MAX_BODY_BYTES.
        InvalidRequestError: it is not JSON, or nested deeper than MAX_DEPTH.
    """
    text: str = event.get("body") or ""
    if event.get("isBase64Encoded"):
        try:
            text = base64.b64decode(text).decode()
        except ValueError as error:
            raise _bad_body(f"is not JSON: {error}") from None
    if len(text.encode(errors="replace")) > MAX_BODY_BYTES:
        raise _too_large()
    if _depth(text) > MAX_DEPTH:
        raise _bad_body(f"must not have more than {MAX_DEPTH} arrays and objects in each other")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _bad_body(f"is not JSON: {error}") from None


def form(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields of a posted HTML form; empty if the body is no form, or is too large.

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


def header(event: Request, name: str) -> str:
    """Return a header's value, or an empty string. ``name`` is in lower case, as in HTTP APIs."""
    return str((event.get("headers") or {}).get(name.lower(), ""))


def query_parameters(event: Request) -> Mapping[str, str]:
    """Return the query's parameters. If one is repeated, its values are joined by commas."""
    return event.get("queryStringParameters") or {}


def path_parameters(event: Request) -> Mapping[str, str]:
    """Return the path's parameters; API Gateway leaves them out if the path has none."""
    return event.get("pathParameters") or {}


def path(event: Request, kind: type[T]) -> T:
    """Return the path's parameters as ``kind``.

    Raises:
        InvalidRequestError: naming every bad parameter.
    """
    return parse_request(kind, path_parameters(event))


def caller_id(event: Request) -> str:
    """Return the caller's id: the subject of the token that the authorizer has verified."""
    return str(event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"])


def request_id(event: Request) -> str:
    """Return the id that API Gateway gave the request."""
    return str(event["requestContext"]["requestId"])


def json_response(status: int, content: object) -> Response:
    """Return a response whose body is a dataclass as JSON."""
    return _response(status, content, media_type="application/json")


def html_response(status: int, page: str) -> dict[str, Any]:
    """Return an HTML page with headers that forbid scripts, other resources and frames."""
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


def problem_response(refusal: ProblemError) -> Response:
    """Return the response that explains a refusal."""
    problem = refusal.problem()
    response = _response(problem.status, problem, media_type="application/problem+json")
    if refusal.retry_after:
        response["headers"]["retry-after"] = str(refusal.retry_after)
    return response


def cached_response(event: Request, content: object) -> Response:
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


def _response(status: int, content: object, *, media_type: str) -> Response:
    return {
        "statusCode": status,
        "headers": {"content-type": media_type, "cache-control": "no-store"},
        "body": json.dumps(encode_response(content)),
    }


def _depth(text: str) -> int:
    """Return how deeply arrays and objects are nested."""
    depth = deepest = 0
    for token in _TOKEN.finditer(text):
        match token[0]:
            case "[" | "{":
                depth += 1
                deepest = max(deepest, depth)
            case "]" | "}":
                depth -= 1
    return deepest


def _too_large() -> ProblemError:
    return ProblemError(BODY_TOO_LARGE, f"the body must have at most {MAX_BODY_BYTES} bytes")


def _bad_body(problem: str) -> InvalidRequestError:
    return InvalidRequestError([FieldProblem(field="body", problem=problem)])

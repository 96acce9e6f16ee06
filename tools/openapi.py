"""Generator of the HTTP API's document, ``docs/openapi.json``, and of a page that shows it.

``python -m tools.openapi`` writes the document; ``python -m tools.openapi --page`` the page. Both
are made from the dataclasses of the handlers' requests and responses.
https://spec.openapis.org/oas/v3.1.0.html
"""

import importlib
import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from http import HTTPStatus
from inspect import getdoc
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from lambdas.contracts.codec import JSON_TYPES, unwrap_optional
from lambdas.contracts.problems import BODY_TOO_LARGE, INVALID_REQUEST, ProblemType
from lambdas.contracts.requests import header_name, item_type, rules_of
from lambdas.contracts.responses import is_time
from lambdas.contracts.routes import ANYONE, OPERATOR, Route

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "openapi.json"
PAGE = ROOT / "build" / "api" / "index.html"
SCRIPT = ROOT / "node_modules" / "swagger-ui-dist"
SCHEMAS = "#/components/schemas/"
GATEWAY = {
    401: "There is no token, or it has expired or is not of this user pool",
    403: "The token lacks the scope that the route requires: an ID token, or another caller's",
    429: "Too many requests, by all callers together: wait, and ask again",
    503: "The service is unavailable: ask again",
}
"""What API Gateway itself answers, which cannot be shaped.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
"""


def routes() -> Iterator[tuple[str, Route]]:
    """Yield each route with its service, as the services' ``api`` modules describe them."""
    for path in sorted((ROOT / "lambdas").glob("*/api.py")):
        module = importlib.import_module(f"lambdas.{path.parent.name}.api")
        for route in module.ROUTES:
            yield path.parent.name, route


def openapi() -> dict[str, Any]:
    """Return the HTTP API as an OpenAPI 3.1 document."""
    schemas: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for service, route in routes():
        method, path = route.key.split(" ")
        operation = _operation(service, route, schemas)
        paths.setdefault(path.replace("+}", "}"), {})[method.lower()] = operation
    schemas["GatewayError"] = {
        "type": "object",
        "description": "What API Gateway answers before a request reaches a function.",
        "properties": {"message": {"type": "string"}},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Orders",
            "version": "1.0.0",
            "description": "The HTTP API of the platform. Amounts are in minor units (pence, "
            "cents); times are UTC with milliseconds. A text has visible characters only. "
            "What a function refuses, it answers with problem details (RFC 9457).",
        },
        "servers": [{"url": "{url}", "variables": {"url": {"default": "https://api.example.com"}}}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "responses": {
                f"Gateway{status}": {
                    "description": description,
                    "content": _json({"$ref": f"{SCHEMAS}GatewayError"}),
                }
                for status, description in GATEWAY.items()
            },
            "securitySchemes": {
                "customer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token of the shop's client; an ID token is refused.",
                },
                "operator": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token of the operators' client, by client "
                    "credentials, with the scope operators/read, or operators/write for a change.",
                },
            },
        },
    }


def _operation(service: str, route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    method = route.key.partition(" ")[0]
    scope = [f"operators/{'read' if method == 'GET' else 'write'}"]
    operation: dict[str, Any] = {
        "tags": [service],
        "summary": route.summary,
        "security": [{route.caller: scope if route.caller == OPERATOR else []}]
        if route.caller != ANYONE
        else [],
    }
    if parameters := list(_parameters(route)):
        operation["parameters"] = parameters
    if route.body:
        ref = _request_ref(route.body, schemas)
        operation["requestBody"] = {"required": True, "content": _json(ref)}
    operation["responses"] = dict(_responses(route, schemas))
    return operation


def _parameters(route: Route) -> Iterator[dict[str, Any]]:
    places = {"path": route.path, "query": route.query, "header": route.headers}
    for place, kind in places.items():
        for each in fields(kind) if kind else ():
            default = {} if each.default in (MISSING, None) else {"default": each.default}
            yield {
                "name": header_name(each.name) if place == "header" else each.name,
                "in": place,
                "required": each.default is MISSING,
                "schema": rules_of(kind)[each.name][1].schema() | default,
            }


def _responses(route: Route, schemas: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for status, kind in route.responses.items():
        response: dict[str, Any] = {"description": HTTPStatus(status).phrase}
        if kind is str:
            response["content"] = {"text/html": {"schema": {"type": "string"}}}
        elif kind is not None:
            response["content"] = _json(_response_schema(kind, schemas))
        yield str(status), response
    if route.cached:
        yield "304", {"description": "The response is the one of If-None-Match"}
    for status, kinds in _problems_by_status(route).items():
        bodies = dict.fromkeys(kind.body for kind in kinds)
        options = [_response_schema(body, schemas) for body in bodies]
        schema = options[0] if len(options) == 1 else {"anyOf": options}
        described = [f"{kind.title} (`{kind.uri}`)" for kind in kinds]
        content = {"application/problem+json": {"schema": schema}}
        if status in GATEWAY:
            described.append(f"{GATEWAY[status]} (API Gateway)")
            content |= _json({"$ref": f"{SCHEMAS}GatewayError"})
        yield str(status), {"description": " · ".join(described), "content": content}
    own = {*route.responses, *_problems_by_status(route)}
    for status in sorted(GATEWAY.keys() - own):
        if route.caller == ANYONE and status in (401, 403):
            continue
        yield str(status), {"$ref": f"#/components/responses/Gateway{status}"}


def _problems_by_status(route: Route) -> Mapping[int, list[ProblemType]]:
    has_input = any((route.path, route.query, route.headers, route.body))
    kinds = [*([INVALID_REQUEST] if has_input else []), *route.problems]
    kinds += [BODY_TOO_LARGE] if route.body else []
    by_status: dict[int, list[ProblemType]] = {}
    for kind in kinds:
        by_status.setdefault(kind.status, []).append(kind)
    return by_status


def _request_ref(kind: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    properties = {}
    for name, (type_, rule) in rules_of(kind).items():
        item = item_type(type_)
        items = {"items": _request_ref(item, schemas)} if item else {}
        properties[name] = {**rule.schema(), **items}
    required = [each.name for each in fields(kind) if each.default is MISSING]
    return _named(kind, properties, required, schemas)


def _response_schema(kind: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    if (inner := unwrap_optional(kind)) is not None:
        return _response_schema(inner, schemas)
    if is_time(kind):
        return {"type": "string", "format": "date-time"}
    if get_origin(kind) is Annotated:
        return _response_schema(get_args(kind)[0], schemas)
    if get_origin(kind) is tuple:
        return {"type": "array", "items": _response_schema(get_args(kind)[0], schemas)}
    if is_dataclass(kind):
        hints = get_type_hints(kind, include_extras=True)
        shown = fields(kind)
        properties = {}
        for each in shown:
            schema = _response_schema(hints[each.name], schemas)
            nullable = unwrap_optional(hints[each.name]) and each.default is MISSING
            properties[each.name] = {"anyOf": [schema, {"type": "null"}]} if nullable else schema
        required = [each.name for each in shown if each.default is not None]
        return _named(kind, properties, required, schemas)
    if issubclass(kind, StrEnum):
        return {"type": "string", "enum": [str(member) for member in kind]}
    return {"type": JSON_TYPES[kind]}


def _named(
    kind: Any, properties: dict[str, Any], required: list[str], schemas: dict[str, Any]
) -> dict[str, Any]:
    """Add an object's schema to ``schemas``, and return a reference to it.

    Raises:
        ValueError: two dataclasses with the same name have different fields.
    """
    schema = {
        "type": "object",
        "description": " ".join((getdoc(kind) or "").replace("``", "`").split()),
        "properties": properties,
        "required": required,
    }
    if schemas.setdefault(kind.__name__, schema) != schema:
        raise ValueError(f"two dataclasses of the HTTP API are called {kind.__name__}")
    return {"$ref": f"{SCHEMAS}{kind.__name__}"}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def document() -> str:
    """Return the document as it is written."""
    return json.dumps(openapi(), indent=2, ensure_ascii=False) + "\n"


def page() -> str:
    """Return a page that shows the document. It works from a file and without a network."""
    # "</" would end the script element.
    content = json.dumps(openapi()).replace("</", "<\\/")
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Orders: HTTP API</title>
<link rel="stylesheet" href="swagger-ui.css">
<div id="page"></div>
<script src="swagger-ui-bundle.js"></script>
<script>
SwaggerUIBundle({{
  spec: {content}, dom_id: "#page", supportedSubmitMethods: [], validatorUrl: null
}});
</script>
"""


def write_page() -> None:
    """Write the page, its script and its style.

    Raises:
        FileNotFoundError: npm has not installed the script or the style.
    """
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        shutil.copyfile(SCRIPT / name, PAGE.parent / name)
    PAGE.write_text(page())


def main() -> int:
    """Write the document, or with ``--page`` the page."""
    if "--page" not in sys.argv[1:]:
        DOCUMENT.write_text(document())
        return 0
    try:
        write_page()
    except FileNotFoundError as missing:
        sys.stderr.write(f"{missing.filename} is missing: run make setup\n")
        return 2
    sys.stdout.write(f"{PAGE.as_uri()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Each route of the HTTP API under generated and mutated requests.

`make abuse EXAMPLES=10000` runs many examples, other ones each time.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.contracts.codec import decode
from lambdas.contracts.problems import Problem
from lambdas.runtime import http
from lambdas.runtime.http import MAX_DEPTH
from tests.abuse.conftest import EXAMPLES
from tests.support.abuse_inputs import NOT_JSON, clean_texts, from_schema, mutations
from tests.support.abuse_platform import (
    MALLORY,
    SECRETS,
    SKU,
    VICTIM,
    AbusedPlatform,
    order_line,
    routes,
    snapshots,
)
from tools.openapi import openapi

DOCUMENT = openapi()
SCHEMAS = DOCUMENT["components"]["schemas"]
OUR_INSIDE = re.compile(
    r"Traceback|\.py\b|lambdas\.|botocore|boto3|arn:|DynamoDB|Exception\b|\w+Error\b|simulated"
)
"""What no text for clients may contain, unless they have sent it."""


def operation(route: str) -> Mapping[str, Any]:
    """The description of a route in the API's document."""
    method, path = route.split(" ")
    found: Mapping[str, Any] = DOCUMENT["paths"][path.replace("+}", "}")][method.lower()]
    return found


def known_fields(described: Mapping[str, Any]) -> Iterator[str]:
    """The fields that a refusal of the request may name."""
    yield "body"
    yield from (each["name"] for each in described.get("parameters", ()))
    for media in described.get("requestBody", {}).get("content", {}).values():
        yield from SCHEMAS[media["schema"]["$ref"].rpartition("/")[2]]["properties"]


@st.composite
def requests(draw: st.DrawFn, route: str, platform: AbusedPlatform) -> dict[str, Any]:
    """A request of a route: valid and about things that exist, or with changes in any part."""
    described, is_open = operation(route), operation(route)["security"] == []
    valid = draw(st.booleans())
    tried = {
        "order_id": (platform.own_order, platform.victims_order)
        if not valid
        else (platform.own_order,),
        "sku": (SKU,),
    }
    parts: dict[str, dict[str, str]] = {"path": {}, "query": {}, "header": {}}
    for each in described.get("parameters", ()):
        name, place = each["name"], each["in"]
        right = (
            st.sampled_from(tried[name])
            if name in tried
            else from_schema(each["schema"], SCHEMAS, name=name)
        )
        value = draw(right if valid else st.one_of(right, clean_texts))
        is_there = each["required"] if valid else draw(st.integers(0, 3)) > 0
        if value if place == "path" else is_there:
            parts[place][name] = value
    body = None
    for media in described.get("requestBody", {}).get("content", {}).values():
        body = draw(bodies(from_schema(media["schema"], SCHEMAS), valid=valid))
    if is_open:
        tokens = st.sampled_from(platform.tokens)
        token = draw(tokens if valid else tokens | clean_texts)
        parts["query"], body = {"token": token}, f"token={token}"
    return {
        "path": parts["path"],
        "query": parts["query"],
        "headers": parts["header"],
        "body": body,
        "is_base64": not valid and draw(st.integers(0, 9)) == 0,
        "caller": None if is_open else MALLORY,
    }


@st.composite
def bodies(draw: st.DrawFn, fitting: st.SearchStrategy[Any], *, valid: bool) -> str:
    """A body: as the schema says, with lines that are on offer, changed, or no JSON."""
    content = draw(fitting)
    if "lines" in content and (valid or draw(st.booleans())):
        content["lines"] = [order_line(draw(st.integers(1, 3)))]
    if valid:
        return json.dumps(content)
    if draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(NOT_JSON)).decode(errors="replace")
    return json.dumps(draw(mutations(content)), ensure_ascii=draw(st.booleans()))


def rows_of(customer: str, platform: AbusedPlatform) -> list[str]:
    """The rows in which a customer is named."""
    tables = platform.here.trace().tables.values()
    rows = [json.dumps(row) for table in tables for by in table.values() for row in by.values()]
    return sorted(row for row in rows if json.dumps(customer) in row)


@pytest.mark.parametrize("route", sorted(routes(snapshots())))
def test_request_is_answered_as_documented_or_refused_without_a_trace(
    route: str, platform: AbusedPlatform
):
    described = operation(route)
    fields = tuple(known_fields(described))
    statuses: Counter[int] = Counter()

    @EXAMPLES
    @given(st.data())
    def answer(data: st.DataObject) -> None:
        platform.here.restore()
        request = data.draw(requests(route, platform))
        before, victims = platform.here.trace(), rows_of(VICTIM, platform)

        outcome = platform.request(route, **request)

        assert not outcome.error, outcome
        response = outcome.payload
        status, text = response["statusCode"], response.get("body", "")
        statuses[status] += 1
        assert str(status) in described["responses"]
        assert status < 500
        secrets = (VICTIM, *SECRETS, platform.victims_order)
        sent = json.dumps(request)
        leaked = [each for each in secrets if each in text and each not in sent]
        assert not leaked
        assert rows_of(VICTIM, platform) == victims or route.startswith("PUT /products")
        if status >= 400:
            assert platform.here.trace() == before
            assert [each for each in OUR_INSIDE.findall(text) if each not in sent] == []
        if status >= 400 and status != 410:
            problem = decode(Problem, json.loads(text))
            assert response["headers"]["content-type"] == "application/problem+json"
            assert problem.status == status
            assert problem.errors or status != 400
            named = [re.split(r"[.\[]", each.field)[0] for each in problem.errors]
            assert set(named) <= {*fields, "lines", "offers"}
        if route.startswith("GET "):
            assert platform.here.trace() == before

    answer()

    assert min(statuses) < 300, (
        f"no request of {route} was accepted: {statuses}; let `requests` above or"
        " tests/support/abuse_platform.py make one that is"
    )
    if "400" in described["responses"]:
        assert 400 in statuses, f"no request of {route} was refused: {statuses}"


def never(text: str) -> None:
    raise AssertionError("the body is parsed")


@pytest.mark.parametrize(
    ("body", "status"),
    [("[" * 5_900_000, 413), ("[" * 100_000, 400), ('{"a":' * (MAX_DEPTH + 1), 400)],
    ids=["too large and too deep", "far too deep", "too deep"],
)
@pytest.mark.parametrize("route", sorted(r for r in routes(snapshots()) if r[:3] in ("POS", "PUT")))
def test_too_large_or_too_deep_body_is_refused_before_parsing_at_every_route(
    route: str, body: str, status: int, platform: AbusedPlatform, monkeypatch: pytest.MonkeyPatch
):
    """Parsed, 5.9 MB of brackets would take more memory than a function has."""
    platform.here.restore()
    before = platform.here.trace()
    monkeypatch.setattr(http, "json", SimpleNamespace(loads=never, dumps=json.dumps))

    path, headers = {"sku": SKU}, {"Idempotency-Key": "k"}
    outcome = platform.request(route, body=body, path=path, headers=headers)

    assert not outcome.error, outcome
    is_form = operation(route)["security"] == []
    assert outcome.payload["statusCode"] == (410 if is_form else status)
    assert platform.here.trace() == before

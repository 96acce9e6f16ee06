"""The document of the HTTP API describes the routes that are deployed, and is up to date."""

from typing import Any

import pytest

from lambdas.contracts.routes import OPERATOR
from stacks.environments import ENVIRONMENTS
from tests.templates.kinds import ROUTE
from tests.templates.synthesis import platform
from tools.openapi import DOCUMENT, document, openapi, page, routes


def test_document_is_up_to_date():
    assert DOCUMENT.read_text() == document(), "run: make docs"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_document_has_the_routes_of_the_templates(environment: str):
    deployed = {
        (route.stack.rpartition("-")[2].lower(), route.properties["RouteKey"])
        for route in platform(environment).all(ROUTE)
    }

    assert {(service, route.key) for service, route in routes()} == deployed


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_document_says_who_may_call_a_route(environment: str):
    machines = {
        route.properties["RouteKey"]
        for route in platform(environment).all(ROUTE)
        if route.properties["AuthorizationType"] == "AWS_IAM"
        or route.properties.get("AuthorizationScopes", [])
        not in ([], ["aws.cognito.signin.user.admin"])
    }

    assert {route.key for _, route in routes() if route.caller == OPERATOR} == machines


def test_path_parameters_are_those_of_the_path():
    for path, operations in openapi()["paths"].items():
        for operation in operations.values():
            named = [p["name"] for p in operation.get("parameters", []) if p["in"] == "path"]
            assert named == [part[1:-1] for part in path.split("/") if part.startswith("{")]


def test_refused_price_is_described_with_its_offers():
    schemas = openapi()["components"]["schemas"]

    assert schemas["PriceNotOnOffer"]["properties"]["errors"]["items"] == {
        "$ref": "#/components/schemas/PriceProblem"
    }
    assert "offers" in schemas["PriceProblem"]["required"]


def test_every_route_says_that_the_gateway_too_may_answer_429_and_503():
    """Also where the function has a problem of its own with that status."""
    for path, operations in openapi()["paths"].items():
        for operation in operations.values():
            for status in ("429", "503"):
                response = operation["responses"][status]
                shared = response.get("$ref") == f"#/components/responses/Gateway{status}"
                assert shared or "application/json" in response["content"], (path, status)


def test_every_reference_is_resolved():
    spec = openapi()

    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if "$ref" in value else []
            return own + [r for inner in value.values() for r in references(inner)]
        return [r for inner in value for r in references(inner)] if isinstance(value, list) else []

    for reference in references(spec):
        found: Any = spec
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def test_page_loads_nothing_from_the_network():
    shown = page()

    assert "//" not in shown.replace("https://api.example.com", "")

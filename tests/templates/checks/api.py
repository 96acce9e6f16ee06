"""The HTTP API."""

from collections.abc import Iterator

from lambdas.contracts.routes import OPERATOR
from tests.templates.checks.common import check
from tests.templates.kinds import AUTHORIZER, CLIENT, ROUTE, STAGE, USER_POOL
from tests.templates.synthesis import Platform
from tools.openapi import routes

OPEN_ROUTES = {"GET /contact/confirmation", "POST /contact/confirmation"}
"""The routes that require no token: the reader of a mail is not signed in."""

OPERATORS_ROUTES = {route.key for _, route in routes() if route.caller == OPERATOR}


@check
def route_requires_a_token(platform: Platform) -> Iterator[str]:
    for route in platform.all(ROUTE):
        if route.properties["RouteKey"] in OPEN_ROUTES:
            continue
        if route.properties.get("AuthorizationType") == "AWS_IAM":
            # Who may call it has a right of IAM; so has everything that changes the platform.
            if route.properties["RouteKey"] not in OPERATORS_ROUTES:
                yield f"{route}: {route.properties['RouteKey']} is for customers, who have no keys"
            continue
        authorizer = platform.referred(route.stack, route.properties.get("AuthorizerId"))
        if (
            route.properties.get("AuthorizationType") != "JWT"
            or authorizer is None
            or authorizer.properties["AuthorizerType"] != "JWT"
        ):
            yield f"{route}: no token is required for {route.properties['RouteKey']}"


@check
def authorizer_names_pool_and_client(platform: Platform) -> Iterator[str]:
    for authorizer in platform.all(AUTHORIZER):
        tokens = authorizer.properties["JwtConfiguration"]
        issuer = tokens["Issuer"]["Fn::Join"][1]
        pool = [platform.referred(authorizer.stack, part) for part in issuer]
        if not any(resource is not None and resource.kind == USER_POOL for resource in pool):
            yield f"{authorizer}: it accepts tokens of another issuer than our user pool"
        if not tokens.get("Audience"):
            yield f"{authorizer}: it accepts tokens of any client"


@check
def route_requires_scope_of_its_callers(platform: Platform) -> Iterator[str]:
    """A machine client's token has a subject too, so it would pass as a customer.

    And an ID token has no scope: a route without one would take it for an access token.
    """
    for route in platform.all(ROUTE):
        authorizer = platform.referred(route.stack, route.properties.get("AuthorizerId"))
        if authorizer is None:
            continue
        clients = [
            platform.referred(authorizer.stack, client)
            for client in authorizer.properties["JwtConfiguration"].get("Audience", [])
        ]
        key = route.properties["RouteKey"]
        machines = {bool(c.properties.get("GenerateSecret")) for c in clients if c is not None}
        if len(machines) > 1:
            yield f"{route}: {key} mixes customers and machine clients"
        signed_in = "aws.cognito.signin.user.admin" in str(
            route.properties.get("AuthorizationScopes", [])
        )
        if not route.properties.get("AuthorizationScopes") or machines == {signed_in}:
            yield f"{route}: {key} must require a scope that only its callers' tokens have"


@check
def api_stage_is_throttled_and_logged(platform: Platform) -> Iterator[str]:
    for stage in platform.all(STAGE):
        settings = stage.properties.get("DefaultRouteSettings", {})
        for name in ("ThrottlingRateLimit", "ThrottlingBurstLimit"):
            if not settings.get(name):
                yield f"{stage}: {name} is not set"
        if not stage.properties.get("AccessLogSettings", {}).get("DestinationArn"):
            yield f"{stage}: it keeps no access log"


@check
def token_works_for_an_hour_at_most(platform: Platform) -> Iterator[str]:
    """It works until then, also if its user has signed out or was deleted."""
    for client in platform.all(CLIENT):
        units = client.properties.get("TokenValidityUnits")
        life = client.properties.get("AccessTokenValidity")
        if units != {"AccessToken": "minutes"} or not life or life > 60:
            yield f"{client}: its access tokens work for {life} of {units}"


@check
def access_log_says_who_called(platform: Platform) -> Iterator[str]:
    """A token has a subject; a request that is signed with credentials of AWS has none.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
    """
    callers = {"JWT": "$context.authorizer.claims.sub", "AWS_IAM": "$context.identity.userArn"}
    used = {route.properties["AuthorizationType"] for route in platform.all(ROUTE)}
    for stage in platform.all(STAGE):
        line = stage.properties.get("AccessLogSettings", {}).get("Format", "")
        for kind in sorted(used & set(callers)):
            if callers[kind] not in line:
                yield f"{stage}: the access log does not say who called with {kind}"
        if "$context.identity.sourceIp" not in line:
            yield f"{stage}: the access log does not say from which address"

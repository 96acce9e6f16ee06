"""What each check of ``checks.api`` must report."""

import json

from tests.templates import kinds
from tests.templates.breakages.common import Breakage, Case, change
from tests.templates.checks import api
from tests.templates.synthesis import Platform, Resource


def mix_clients_in_one_authorizer(broken: Platform) -> Resource:
    customers, operators = (
        next(a for a in broken.all(kinds.AUTHORIZER) if id in a.id)
        for id in ("Customers", "Operators")
    )
    audience = customers.properties["JwtConfiguration"]["Audience"]
    audience += operators.properties["JwtConfiguration"]["Audience"]
    (kept,) = (route for route in broken.all(kinds.ROUTE) if "PlaceOrder" in route.id)
    for route in list(broken.all(kinds.ROUTE)):
        if route != kept and "GetSales" not in route.id:
            broken.templates[route.stack]["Resources"].pop(route.id)
    return kept


def forget_in_the_log(name: str) -> Breakage:
    """Leave a field out of the access log."""

    def break_it(broken: Platform) -> Resource:
        stage = broken.one(kinds.STAGE)
        log = stage.properties["AccessLogSettings"]
        line = json.loads(log["Format"])
        line.pop(name)
        log["Format"] = json.dumps(line)
        return stage

    return break_it


BREAKAGES: list[Case] = [
    (
        api.route_requires_scope_of_its_callers,
        change(kinds.ROUTE, "GetSales", "AuthorizationScopes"),
    ),
    (
        api.route_requires_scope_of_its_callers,
        change(kinds.ROUTE, "PlaceOrder", "AuthorizationScopes"),
    ),
    (
        api.route_requires_scope_of_its_callers,
        change(kinds.ROUTE, "PlaceOrder", AuthorizationScopes=["operators/read"]),
    ),
    (api.route_requires_scope_of_its_callers, mix_clients_in_one_authorizer),
    (api.route_requires_a_token, change(kinds.ROUTE, "PlaceOrder", AuthorizationType="NONE")),
    (api.route_requires_a_token, change(kinds.ROUTE, "PlaceOrder", "AuthorizerId")),
    (
        api.authorizer_names_pool_and_client,
        change(
            kinds.AUTHORIZER,
            JwtConfiguration={"Issuer": {"Fn::Join": ["", ["https://else.where"]]}},
        ),
    ),
    (api.api_stage_is_throttled_and_logged, change(kinds.STAGE, "", "DefaultRouteSettings")),
    (api.api_stage_is_throttled_and_logged, change(kinds.STAGE, "", "AccessLogSettings")),
    (api.access_log_says_who_called, change(kinds.STAGE, "", "AccessLogSettings")),
    *((api.access_log_says_who_called, forget_in_the_log(name)) for name in ("caller", "address")),
    *(
        (api.token_works_for_an_hour_at_most, change(kinds.CLIENT, "Shop", AccessTokenValidity=n))
        for n in (61, None)
    ),
    (
        api.token_works_for_an_hour_at_most,
        change(kinds.CLIENT, "Shop", TokenValidityUnits={"AccessToken": "hours"}),
    ),
]

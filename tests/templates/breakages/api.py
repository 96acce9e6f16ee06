"""What each check of ``checks.api`` must report."""

from tests.templates import kinds
from tests.templates.breakages.common import Case, change
from tests.templates.checks import api
from tests.templates.synthesis import Platform, Resource


def mix_clients_in_one_authorizer(broken: Platform) -> Resource:
    customers, operators = (
        next(a for a in broken.all(kinds.AUTHORIZER) if id in a.id)
        for id in ("QueriesApiCustomers", "QueriesApiOperators")
    )
    audience = customers.properties["JwtConfiguration"]["Audience"]
    audience += operators.properties["JwtConfiguration"]["Audience"]
    routes = broken.all(kinds.ROUTE)
    for route in [r for r in routes if r.id.startswith("QueriesApiGETorders")][1:]:
        broken.templates[route.stack]["Resources"].pop(route.id)
    broken.templates[customers.stack]["Resources"].pop(
        broken.one(kinds.ROUTE, "QueriesApiGETproducts").id
    )
    return broken.one(kinds.ROUTE, "QueriesApiGETorders")


BREAKAGES: list[Case] = [
    (
        api.machine_client_requires_scope,
        change(kinds.ROUTE, "GETsales", "AuthorizationScopes"),
    ),
    (api.machine_client_requires_scope, mix_clients_in_one_authorizer),
    (api.route_requires_a_token, change(kinds.ROUTE, AuthorizationType="NONE")),
    (api.route_requires_a_token, change(kinds.ROUTE, "", "AuthorizerId")),
    (
        api.authorizer_names_pool_and_client,
        change(
            kinds.AUTHORIZER,
            JwtConfiguration={"Issuer": {"Fn::Join": ["", ["https://else.where"]]}},
        ),
    ),
    (api.api_stage_is_throttled_and_logged, change(kinds.STAGE, "", "DefaultRouteSettings")),
    (api.api_stage_is_throttled_and_logged, change(kinds.STAGE, "", "AccessLogSettings")),
]

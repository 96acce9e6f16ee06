"""A route of the HTTP API, declared in the stack of its function."""

from dataclasses import dataclass

from aws_cdk import Stack
from aws_cdk import aws_apigatewayv2 as apigw
from aws_cdk import aws_apigatewayv2_integrations as integrations
from constructs import Construct

from stacks.constructs.function import ServiceFunction
from stacks.constructs.http_api import Callers, HttpApi
from stacks.constructs.nag import acknowledge
from stacks.names import environment_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Anyone:
    """The callers of a route that requires no token."""

    reason: str
    """Why that is safe."""


class HttpRoute(Construct):
    """A route such as ``GET /orders/{order_id}``, its integration, and the permission to invoke.

    All three are in the stack of ``scope``. That stack depends on the API's stack, which depends on
    none.
    """

    def __init__(
        self,
        scope: Construct,
        route: str,
        *,
        api: HttpApi,
        callers: Callers | Anyone,
        function: ServiceFunction,
    ) -> None:
        """Declare the route; ``callers`` are the API's customers, its operators, or anyone."""
        super().__init__(scope, f"{function.node.id}Route")
        # The metric of rows that cannot be read has it as its dimension.
        function.add_environment("ENVIRONMENT", environment_of(Stack.of(self).node.id))
        method, path = route.split(" ")
        known = callers if isinstance(callers, Callers) else None
        declared = apigw.HttpRoute(
            self,
            "Route",
            http_api=api.api,
            route_key=apigw.HttpRouteKey.with_(path, apigw.HttpMethod[method]),
            integration=integrations.HttpLambdaIntegration("Function", function),
            authorizer=known.authorizer if known else None,
            authorization_scopes=[known.scope] if known and known.scope else None,
        )
        if isinstance(callers, Anyone):
            acknowledge(declared, "AwsSolutions-APIG4", reason=callers.reason)

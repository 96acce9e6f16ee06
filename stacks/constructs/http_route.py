"""A route of the HTTP API, declared in the stack of the function that answers it."""

from aws_cdk import aws_apigatewayv2 as apigw
from aws_cdk import aws_apigatewayv2_integrations as integrations
from constructs import Construct

from stacks.constructs.function import ServiceFunction
from stacks.constructs.http_api import Callers, HttpApi


class HttpRoute(Construct):
    """A route such as ``GET /orders/{order_id}``, its integration, and the right to invoke.

    All three are in the stack of ``scope``: it depends on the API's, and the API's on none.
    """

    def __init__(
        self,
        scope: Construct,
        route: str,
        *,
        api: HttpApi,
        callers: Callers,
        function: ServiceFunction,
    ) -> None:
        """Declare the route; ``callers`` are the API's customers, or its operators."""
        super().__init__(scope, f"{function.node.id}Route")
        method, path = route.split(" ")
        apigw.HttpRoute(
            self,
            "Route",
            http_api=api.api,
            route_key=apigw.HttpRouteKey.with_(path, apigw.HttpMethod[method]),
            integration=integrations.HttpLambdaIntegration("Function", function),
            authorizer=callers.authorizer,
            authorization_scopes=[callers.scope],
        )

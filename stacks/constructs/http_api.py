"""An HTTP API, its access log, and the user pool of its customers."""

import json

import jsii
from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as apigw
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.constructs.nag import acknowledge
from stacks.constructs.operator_client import OperatorClient
from stacks.environments import Environment

ACCESS_LOG = {
    "request": "$context.requestId",
    "route": "$context.routeKey",
    "status": "$context.status",
    "latency_ms": "$context.responseLatency",
    "integration_error": "$context.integrationErrorMessage",
    "authorizer_error": "$context.authorizer.error",
}
"""Access logs hold no personal data: neither IP address nor user name."""


@jsii.implements(apigw.IAccessLogSettings)
class AccessLog:
    """An access log with one JSON object per line."""

    def __init__(self, log_group: logs.ILogGroup) -> None:
        self._log_group = log_group

    @property
    def destination(self) -> apigw.IAccessLogDestination:
        """The log group."""
        return apigw.LogGroupLogDestination(self._log_group)

    @property
    def format(self) -> apigateway.AccessLogFormat:
        """The fields of a line."""
        return apigateway.AccessLogFormat.custom(json.dumps(ACCESS_LOG))


class HttpApi(Construct):
    """An HTTP API whose every route requires an access token, a customer's or an operator's."""

    def __init__(
        self, scope: Construct, id: str, *, env: Environment, user_pool_of: "HttpApi | None" = None
    ) -> None:
        """Declare the API; with ``user_pool_of`` it uses the user pool of that API."""
        super().__init__(scope, id)
        self.user_pool: cognito.UserPool = (
            user_pool_of.user_pool if user_pool_of else self._create_user_pool(env)
        )
        self.user_pool_client: cognito.UserPoolClient = (
            user_pool_of.user_pool_client if user_pool_of else self._create_client()
        )
        self.api = apigw.HttpApi(self, "Api", create_default_stage=False)
        self._authorizer = authorizers.HttpUserPoolAuthorizer(
            "Customers", self.user_pool, user_pool_clients=[self.user_pool_client]
        )
        log_group = logs.LogGroup(
            self,
            "AccessLogs",
            log_group_name=f"/aws/vendedlogs/http-api/{env.stack_name(id)}".lower(),
            retention=env.log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.stage = self.api.add_stage(
            "Stage",
            stage_name="$default",
            auto_deploy=True,
            throttle=apigw.ThrottleSettings(rate_limit=env.rate_limit, burst_limit=env.burst_limit),
            access_log_settings=AccessLog(log_group),
        )

    def route(self, method: apigw.HttpMethod, path: str, function: lambda_.IFunction) -> None:
        """Add a route for customers."""
        self.api.add_routes(
            path=path,
            methods=[method],
            integration=integrations.HttpLambdaIntegration(f"{method.name}{path}", function),
            authorizer=self._authorizer,
        )

    def route_for(
        self,
        operators: OperatorClient,
        method: apigw.HttpMethod,
        path: str,
        function: lambda_.IFunction,
    ) -> None:
        """Add a route that requires a token with the operators' scope."""
        self.api.add_routes(
            path=path,
            methods=[method],
            integration=integrations.HttpLambdaIntegration(f"{method.name}{path}", function),
            authorizer=authorizers.HttpUserPoolAuthorizer(
                "Operators", self.user_pool, user_pool_clients=[operators.client]
            ),
            authorization_scopes=[operators.scope],
        )

    def _create_client(self) -> cognito.UserPoolClient:
        return self.user_pool.add_client(
            "Shop",
            auth_flows=cognito.AuthFlow(user_password=True, user_srp=True),
            access_token_validity=Duration.hours(1),
            prevent_user_existence_errors=True,
            disable_o_auth=True,
        )

    def _create_user_pool(self, env: Environment) -> cognito.UserPool:
        pool = cognito.UserPool(
            self,
            "Customers",
            self_sign_up_enabled=False,
            password_policy=cognito.PasswordPolicy(
                min_length=12,
                require_lowercase=True,
                require_uppercase=True,
                require_digits=True,
                require_symbols=True,
            ),
            deletion_protection=env.keep_data,
            removal_policy=env.removal_policy,
        )
        acknowledge(
            pool,
            "AwsSolutions-COG2",
            reason="a shop that requires a second factor of its customers loses them",
        )
        acknowledge(
            pool,
            "AwsSolutions-COG8",
            reason="the plus plan is billed by active customer; nothing here needs it",
        )
        return pool

"""The HTTP API: its access log, its users, and which of them may call which route."""

import json
from dataclasses import dataclass

import jsii
from aws_cdk import CfnOutput, Duration, RemovalPolicy
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as apigw
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.constructs.alarm import alarm, own_metric
from stacks.constructs.user_pool import SIGNED_IN, UserPool
from stacks.environments import Environment

MAX_ERRORS, MAX_LATENCY = 5, Duration.seconds(3)
"""The number of errors, and the latency, above which there is an alarm."""
ACCESS_LOG = {
    "request": "$context.requestId",
    "route": "$context.routeKey",
    "status": "$context.status",
    "caller": "$context.authorizer.claims.sub",
    "client": "$context.authorizer.claims.client_id",
    "operator": "$context.identity.userArn",
    "address": "$context.identity.sourceIp",
    "latency_ms": "$context.responseLatency",
    "integration_error": "$context.integrationErrorMessage",
    "authorizer_error": "$context.authorizer.error",
}
"""A line says who called, with which client and from which address, and nothing of the content.

A token has a subject and a client. An operator's request that is signed with credentials of AWS has
neither: it has a user or role.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
"""


@jsii.implements(apigw.IAccessLogSettings)
class AccessLog:
    """An access log with one JSON object on each line."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """The callers of a route: how they are authorized, and the scope they need."""

    authorizer: apigw.IHttpRouteAuthorizer
    scope: str | None
    """The scope that an access token must have; None if there is no token."""


class HttpApi(Construct):
    """An HTTP API whose routes other stacks declare, each with an ``HttpRoute``."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment,
        users: UserPool,
        alarms: sns.ITopic,
    ) -> None:
        super().__init__(scope, id)
        # With its own domain name, the API must not answer at AWS's default name.
        self.api = apigw.HttpApi(
            self,
            "Api",
            api_name=env.stack_name("api").lower(),
            create_default_stage=False,
            disable_execute_api_endpoint=True if env.api_domain else None,
        )
        log_group = logs.LogGroup(
            self,
            "AccessLogs",
            log_group_name=f"/aws/vendedlogs/http-api/{env.stack_name('api')}".lower(),
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
        self.url = self._custom_url(env) or self.api.api_endpoint

        def callers(id: str, client: cognito.IUserPoolClient, *scopes: str) -> list[Callers]:
            authorizer = authorizers.HttpUserPoolAuthorizer(
                id, users.pool, user_pool_clients=[client]
            )
            return [Callers(authorizer=authorizer, scope=scope) for scope in scopes]

        # A machine's token has a subject, too. One authorizer would take it for a customer's.
        (self.customers,) = callers("Customers", users.shop, SIGNED_IN)
        if users.operators:
            self.operators_read, self.operators_write = callers(
                "Operators", users.operators.client, *users.operators.scopes
            )
        else:
            # Operators sign requests with credentials of the account, which may call the API.
            signed = Callers(authorizer=authorizers.HttpIamAuthorizer(), scope=None)
            self.operators_read = self.operators_write = signed
        self._add_alarms(alarms)

    def _add_alarms(self, alarms: sns.ITopic) -> None:
        """Add alarms on errors, on latency and on rows that the routes' functions cannot read.

        A customer's client retries a failed request, so a few errors are no outage. A row that
        somebody edited stays as it is, so one answer without it is enough.
        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
        """
        period = Duration.minutes(5)
        for id, condition, metric, threshold, periods in (
            (
                "Errors",
                f"more than {MAX_ERRORS} requests in 5 minutes failed (5xx)",
                self.api.metric_server_error(period=period, statistic="Sum"),
                MAX_ERRORS,
                2,
            ),
            (
                "Slow",
                f"one request in ten takes over {MAX_LATENCY.to_seconds():g} s, for 15 minutes",
                self.api.metric_latency(period=period, statistic="p90"),
                MAX_LATENCY.to_milliseconds(),
                3,
            ),
        ):
            alarm(
                self,
                id,
                alarm_description=f"Api: {condition}",
                command="smoke",
                metric=metric,
                threshold=threshold,
                evaluation_periods=periods,
                alarms=alarms,
            )
        alarm(
            self,
            "RowsUnreadable",
            alarm_description="Api: a row cannot be read, because somebody edited it",
            command="order list",
            metric=own_metric(self, "RowsUnreadable", period=period, statistic="Sum"),
            alarms=alarms,
        )

    def _custom_url(self, env: Environment) -> str | None:
        """Return the URL at the environment's own domain name; None if it has none."""
        if env.api_domain is None:
            return None
        domain = apigw.DomainName(
            self,
            "Domain",
            domain_name=env.api_domain.name,
            certificate=acm.Certificate.from_certificate_arn(
                self, "Certificate", env.api_domain.certificate_arn
            ),
        )
        apigw.ApiMapping(self, "Mapping", api=self.api, domain_name=domain, stage=self.stage)
        CfnOutput(self, "DomainTarget", value=domain.regional_domain_name).override_logical_id(
            "ApiDomainTarget"
        )
        return f"https://{env.api_domain.name}"

"""The one HTTP API of the platform, which belongs to no service."""

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.constructs.http_api import HttpApi
from stacks.constructs.user_pool import UserPool
from stacks.environments import Environment


class HttpApiStack(Stack):
    """The API with its stage, access log, throttle and users; services declare its routes."""

    def __init__(self, scope: Construct, *, env: Environment, alarms: sns.ITopic) -> None:
        super().__init__(scope, env.stack_name("HttpApi"))

        users = UserPool(self, "Users", env=env)
        self.http_api = HttpApi(self, "HttpApi", env=env, users=users, alarms=alarms)

        outputs = {
            "ApiUrl": self.http_api.url,
            "UserPoolId": users.pool.user_pool_id,
            "UserPoolClientId": users.shop.user_pool_client_id,
        }
        if users.operators:
            outputs |= {
                "OperatorsClientId": users.operators.client.user_pool_client_id,
                "OperatorsTokenUrl": users.operators.token_url,
            }
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)

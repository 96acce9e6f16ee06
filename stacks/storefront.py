"""Storefront: what customers see, put together from what the services tell."""

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_apigatewayv2 as apigw
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.inventory import STOCK_EVENTS
from stacks.components.front_door import FrontDoor
from stacks.components.function import ServiceFunction
from stacks.components.grants import allow
from stacks.components.subscriber import Subscriber
from stacks.components.table import ServiceTable
from stacks.environments import Environment
from stacks.inventory import InventoryStack


class StorefrontStack(Stack):
    """A table for each view, and an API of its own for those who are customers of the shop."""

    def __init__(
        self,
        scope: Construct,
        *,
        env: Environment,
        alarms: sns.ITopic,
        inventory: InventoryStack,
        front_door: FrontDoor,
    ) -> None:
        super().__init__(scope, env.stack("Storefront"))

        # State
        availability = ServiceTable(self, "Availability", env=env, key="sku")

        # Functions
        settings = {"AVAILABILITY_TABLE": availability.table_name}
        update_availability = ServiceFunction(
            self,
            "UpdateAvailability",
            env=env,
            verb="storefront.update_availability",
            settings=settings,
        )
        get_product = ServiceFunction(
            self, "GetProduct", env=env, verb="storefront.get_product", settings=settings
        )

        # Flow: in from inventory's topic, out through the API
        Subscriber(
            self,
            "ShowAvailability",
            topic=inventory.topic,
            events=STOCK_EVENTS,
            function=update_availability,
            alarms=alarms,
        )
        queries = FrontDoor(self, "Queries", env=env, beside=front_door)
        queries.route(apigw.HttpMethod.GET, "/products/{sku}", get_product)

        # Grants
        allow(update_availability, "dynamodb:PutItem", on=availability.table_arn)
        allow(get_product, "dynamodb:GetItem", on=availability.table_arn)

        CfnOutput(self, "StorefrontUrl", value=queries.api.api_endpoint)
        CfnOutput(self, "AvailabilityTable", value=availability.table_name)

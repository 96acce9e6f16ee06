"""Catalog: the products for sale, with their names and their offers."""

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.catalog import EVENTS
from stacks.constructs.function import ServiceFunction
from stacks.constructs.grants import grant, grant_publish
from stacks.constructs.http_api import HttpApi
from stacks.constructs.http_route import HttpRoute
from stacks.constructs.outbox import Outbox
from stacks.constructs.table import ServiceTable
from stacks.environments import Environment


class CatalogStack(Stack):
    """A table of products that operators write; it is also the outbox of OffersChanged."""

    def __init__(
        self,
        scope: Construct,
        *,
        env: Environment,
        bus: events.IEventBus,
        alarms: sns.ITopic,
        http_api: HttpApi,
    ) -> None:
        super().__init__(scope, env.stack_name("Catalog"))

        # State
        products = ServiceTable(
            self,
            "Products",
            env=env,
            key="sku",
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
        )

        # Functions
        put_product = ServiceFunction(
            self,
            "PutProduct",
            env=env,
            handler="catalog.put_product",
            entry=True,
            settings={
                "PRODUCTS_TABLE": products.table_name,
                "LEAD_TIME_SECONDS": str(int(env.offer_lead_time.to_seconds())),
            },
        )
        relay_outbox = ServiceFunction(
            self,
            "RelayOutbox",
            env=env,
            handler="catalog.relay_outbox",
            settings={"EVENT_BUS": bus.event_bus_name},
        )

        # Flow: in through the API, out through the outbox
        HttpRoute(
            self,
            "PUT /products/{sku+}",
            api=http_api,
            callers=http_api.operators_write,
            function=put_product,
        )
        Outbox(
            self,
            "Outbox",
            table=products,
            relay=relay_outbox,
            alarms=alarms,
            parallelization_factor=env.relay_parallelization,
        )

        # Grants
        grant(put_product, "dynamodb:GetItem", "dynamodb:PutItem", on=products.table_arn)
        grant_publish(relay_outbox, bus, published=EVENTS)

        CfnOutput(self, "CatalogTable", value=products.table_name)

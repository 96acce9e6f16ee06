"""Storefront: the views for customers and operators, made from the events of all services."""

from functools import partial

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.catalog import OffersChanged
from lambdas.contracts.inventory import STOCK_EVENTS
from lambdas.contracts.order_stream import ORDER_STREAM_EVENTS
from lambdas.contracts.orders import ORDER_EVENTS, OrderConfirmed
from stacks.constructs.event_handler import EventHandler
from stacks.constructs.http_api import HttpApi
from stacks.constructs.http_route import HttpRoute
from stacks.constructs.projection import DeadLetterBucket, Projection
from stacks.constructs.subscriber import Subscriber
from stacks.environments import Environment
from stacks.inventory import InventoryStack
from stacks.storefront.functions import StorefrontFunctions
from stacks.storefront.views import StorefrontViews


class StorefrontStack(Stack):
    """The views, with two tables each, and the routes that query them."""

    def __init__(
        self,
        scope: Construct,
        *,
        env: Environment,
        bus: events.IEventBus,
        alarms: sns.ITopic,
        order_stream: kinesis.IStream,
        inventory: InventoryStack,
        http_api: HttpApi,
    ) -> None:
        super().__init__(scope, env.stack_name("Storefront"))

        # State
        views = StorefrontViews(self, env=env)
        dead_letter_bucket = DeadLetterBucket(self, "ProjectionDeadLetters", env=env)

        functions = StorefrontFunctions(self, env=env, views=views)

        # Flow: in from inventory's topic, the bus and the order stream, out through the API
        Subscriber(
            self,
            "AvailabilitySubscriber",
            topic=inventory.topic,
            events=STOCK_EVENTS,
            function=functions.update_availability,
            max_concurrency=env.subscriber_concurrency,
            alarms=alarms,
        )
        EventHandler(
            self, bus=bus, event=OffersChanged, function=functions.update_products, alarms=alarms
        )
        projection = partial(
            Projection,
            self,
            env=env,
            stream=order_stream,
            dead_letter_bucket=dead_letter_bucket,
            alarms=alarms,
        )
        projection(
            id="TimelinesProjection",
            function=functions.update_timelines,
            events=ORDER_STREAM_EVENTS,
            filtered=False,
            parallelization_factor=2,
        )
        projection(
            id="CustomerOrdersProjection",
            function=functions.update_customer_orders,
            events=ORDER_EVENTS,
            parallelization_factor=2,
        )
        # One batch per shard at a time: concurrent batches would conflict on the same counters.
        projection(id="SalesProjection", function=functions.update_sales, events=[OrderConfirmed])

        query = partial(HttpRoute, self, api=http_api, callers=http_api.customers)
        # A SKU may have a slash, and HTTP APIs decode %2F before they look for a route.
        query("GET /products/{sku+}", function=functions.get_product)
        query("GET /orders", function=functions.list_orders)
        query("GET /orders/{order_id}/timeline", function=functions.get_timeline)
        query("GET /sales", function=functions.get_sales, callers=http_api.operators_read)

        functions.grant_access(views)

        CfnOutput(self, "ProjectionDeadLettersBucket", value=dead_letter_bucket.bucket_name)

"""Storefront: the views of customers and operators, made from the events of all services."""

from collections.abc import Mapping
from functools import partial

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.catalog import OffersChanged
from lambdas.contracts.inventory import STOCK_EVENTS
from lambdas.contracts.order_stream import ORDER_STREAM_EVENTS
from lambdas.contracts.orders import ORDER_EVENTS, OrderConfirmed
from stacks.constructs.event_handler import HANDLER_HAS_DESTINATION, EventHandler
from stacks.constructs.function import ServiceFunction
from stacks.constructs.http_api import HttpApi
from stacks.constructs.http_route import HttpRoute
from stacks.constructs.projection import DeadLetterBucket, Projection
from stacks.constructs.subscriber import Subscriber
from stacks.constructs.view import View
from stacks.environments import Environment
from stacks.inventory import InventoryStack


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
        view = partial(View, self, env=env)
        availability = view(id="Availability", setting="AVAILABILITY_TABLE", key="sku")
        products = view(id="Products", setting="PRODUCTS_TABLE", key="sku")
        timelines = view(id="Timelines", setting="TIMELINES_TABLE", key="order_id")
        customer_orders = view(
            id="CustomerOrders",
            setting="CUSTOMER_ORDERS_TABLE",
            key="order_id",
            index=("customer_id", "listing_key"),
        )
        sales = view(id="Sales", setting="SALES_TABLE", key="partition_key", sort_key="sort_key")
        dead_letter_bucket = DeadLetterBucket(self, "ProjectionDeadLetters", env=env)

        # Functions
        def function(
            id: str, handler: str, settings: Mapping[str, str], seconds: int = 6
        ) -> ServiceFunction:
            return ServiceFunction(
                self,
                id,
                env=env,
                handler=f"storefront.{handler}",
                settings=settings,
                timeout=Duration.seconds(seconds),
            )

        update_availability = function(
            "UpdateAvailability", "update_availability", availability.settings
        )
        update_products = ServiceFunction(
            self,
            "UpdateProducts",
            env=env,
            handler="storefront.update_products",
            settings=products.settings,
            no_dlq_reason=HANDLER_HAS_DESTINATION,
        )
        update_timelines = function("UpdateTimelines", "update_timelines", timelines.settings, 60)
        update_customer_orders = function(
            "UpdateCustomerOrders", "update_customer_orders", customer_orders.settings, 60
        )
        update_sales = function("UpdateSales", "update_sales", sales.settings, 60)
        get_product = function(
            "GetProduct", "get_product", {**availability.settings, **products.settings}
        )
        get_timeline = function("GetTimeline", "get_timeline", timelines.settings)
        list_orders = function("ListOrders", "list_orders", customer_orders.settings)
        get_sales = function("GetSales", "get_sales", sales.settings)

        # Flow: in from inventory's topic, the bus and the order stream, out through the API
        Subscriber(
            self,
            "AvailabilitySubscriber",
            topic=inventory.topic,
            events=STOCK_EVENTS,
            function=update_availability,
            alarms=alarms,
        )
        EventHandler(self, bus=bus, event=OffersChanged, function=update_products, alarms=alarms)
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
            function=update_timelines,
            events=ORDER_STREAM_EVENTS,
            filtered=False,
            parallelization_factor=2,
        )
        projection(
            id="CustomerOrdersProjection",
            function=update_customer_orders,
            events=ORDER_EVENTS,
            parallelization_factor=2,
        )
        # One batch per shard at a time: concurrent batches would conflict on the same counters.
        projection(id="SalesProjection", function=update_sales, events=[OrderConfirmed])

        query = partial(HttpRoute, self, api=http_api, callers=http_api.customers)
        # A SKU may have a slash, and HTTP APIs decode %2F before they look for a route.
        query("GET /products/{sku+}", function=get_product)
        query("GET /orders", function=list_orders)
        query("GET /orders/{order_id}/timeline", function=get_timeline)
        query("GET /sales", function=get_sales, callers=http_api.operators_read)

        # Grants
        availability.connect(
            writer=update_availability,
            writes=["dynamodb:PutItem"],
            reader=get_product,
            reads=["dynamodb:GetItem"],
        )
        products.connect(
            writer=update_products,
            writes=["dynamodb:PutItem"],
            reader=get_product,
            reads=["dynamodb:GetItem"],
        )
        timelines.connect(
            writer=update_timelines,
            writes=["dynamodb:UpdateItem"],
            reader=get_timeline,
            reads=["dynamodb:GetItem"],
        )
        customer_orders.connect(
            writer=update_customer_orders,
            writes=["dynamodb:UpdateItem"],
            reader=list_orders,
            reads=["dynamodb:BatchGetItem"],
            queried_by="customer_id",
        )
        sales.connect(
            writer=update_sales,
            writes=["dynamodb:PutItem", "dynamodb:UpdateItem"],
            reader=get_sales,
            reads=["dynamodb:Query"],
        )

        CfnOutput(self, "ProjectionDeadLettersBucket", value=dead_letter_bucket.bucket_name)

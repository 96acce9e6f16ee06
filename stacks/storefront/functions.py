"""The functions of the storefront: one that updates each view, and those that query them."""

from functools import partial

from aws_cdk import Duration
from constructs import Construct

from stacks.constructs.event_handler import HANDLER_HAS_DESTINATION
from stacks.constructs.function import ServiceFunction
from stacks.environments import Environment
from stacks.storefront.views import StorefrontViews


class StorefrontFunctions:
    """The functions, each an attribute named after its handler; ``scope`` owns them."""

    def __init__(self, scope: Construct, *, env: Environment, views: StorefrontViews) -> None:
        """Declare the functions; their settings name the live tables of ``views``."""
        function = partial(ServiceFunction, scope, env=env)
        projection = partial(function, timeout=Duration.seconds(60))

        self.update_availability = function(
            id="UpdateAvailability",
            handler="storefront.update_availability",
            settings=views.availability.settings,
        )
        self.update_products = function(
            id="UpdateProducts",
            handler="storefront.update_products",
            settings=views.products.settings,
            no_dlq_reason=HANDLER_HAS_DESTINATION,
        )
        self.update_timelines = projection(
            id="UpdateTimelines",
            handler="storefront.update_timelines",
            settings=views.timelines.settings,
        )
        self.update_customer_orders = projection(
            id="UpdateCustomerOrders",
            handler="storefront.update_customer_orders",
            settings=views.customer_orders.settings,
        )
        self.update_sales = projection(
            id="UpdateSales", handler="storefront.update_sales", settings=views.sales.settings
        )
        query = partial(function, entry=True)
        self.get_product = query(
            id="GetProduct",
            handler="storefront.get_product",
            settings={**views.availability.settings, **views.products.settings},
        )
        self.get_timeline = query(
            id="GetTimeline", handler="storefront.get_timeline", settings=views.timelines.settings
        )
        self.list_orders = query(
            id="ListOrders",
            handler="storefront.list_orders",
            settings=views.customer_orders.settings,
        )
        self.get_sales = query(
            id="GetSales", handler="storefront.get_sales", settings=views.sales.settings
        )

    def grant_access(self, views: StorefrontViews) -> None:
        """Let one function write each view, and one read it."""
        for view, updates, query in (
            (views.availability, self.update_availability, self.get_product),
            (views.products, self.update_products, self.get_product),
        ):
            view.connect(
                writer=updates,
                writes=["dynamodb:PutItem"],
                reader=query,
                reads=["dynamodb:GetItem"],
            )
        views.timelines.connect(
            writer=self.update_timelines,
            writes=["dynamodb:UpdateItem"],
            reader=self.get_timeline,
            reads=["dynamodb:GetItem"],
        )
        views.customer_orders.connect(
            writer=self.update_customer_orders,
            writes=["dynamodb:UpdateItem"],
            reader=self.list_orders,
            reads=["dynamodb:BatchGetItem"],
            queried_by="customer_id",
        )
        views.sales.connect(
            writer=self.update_sales,
            writes=["dynamodb:PutItem", "dynamodb:UpdateItem"],
            reader=self.get_sales,
            reads=["dynamodb:Query"],
        )

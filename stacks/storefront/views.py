"""The views of the storefront: the tables that its projections fill and its queries read."""

from functools import partial

from constructs import Construct

from stacks.constructs.view import View
from stacks.environments import Environment


class StorefrontViews:
    """The views, each an attribute; ``scope`` owns them."""

    def __init__(self, scope: Construct, *, env: Environment) -> None:
        """Declare the tables of all views."""
        view = partial(View, scope, env=env)
        self.availability = view(id="Availability", setting="AVAILABILITY_TABLE", key="sku")
        self.products = view(id="Products", setting="PRODUCTS_TABLE", key="sku")
        self.timelines = view(id="Timelines", setting="TIMELINES_TABLE", key="order_id")
        self.customer_orders = view(
            id="CustomerOrders",
            setting="CUSTOMER_ORDERS_TABLE",
            key="order_id",
            index=("customer_id", "listing_key"),
        )
        self.sales = view(
            id="Sales", setting="SALES_TABLE", key="partition_key", sort_key="sort_key"
        )

"""Shipping: books and cancels shipments."""

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.components.function import ServiceFunction
from stacks.components.table import ServiceTable
from stacks.environments import Environment


class ShippingStack(Stack):
    """A table of shipments, one an order."""

    def __init__(self, scope: Construct, *, env: Environment) -> None:
        super().__init__(scope, env.stack("Shipping"))

        # State
        shipments = ServiceTable(self, "Shipments", env=env, key="order_id")

        # Functions
        settings = {"SHIPMENTS_TABLE": shipments.table_name}
        self.book_shipment = ServiceFunction(
            self, "BookShipment", env=env, verb="shipping.book_shipment", settings=settings
        )
        self.cancel_shipment = ServiceFunction(
            self, "CancelShipment", env=env, verb="shipping.cancel_shipment", settings=settings
        )

        # Grants
        shipments.grant(self.book_shipment, "dynamodb:PutItem")
        shipments.grant(self.cancel_shipment, "dynamodb:UpdateItem")

        CfnOutput(self, "ShipmentsTable", value=shipments.table_name)

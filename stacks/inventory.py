"""Inventory: stock and reservations."""

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.components.function import ServiceFunction
from stacks.components.table import ServiceTable
from stacks.environments import Environment


class InventoryStack(Stack):
    """Three tables that one transaction spans: what is there, what is set aside, what came in."""

    def __init__(self, scope: Construct, *, env: Environment) -> None:
        super().__init__(scope, env.stack("Inventory"))

        # State
        stock = ServiceTable(self, "Stock", env=env, key="sku")
        reservations = ServiceTable(self, "Reservations", env=env, key="order_id")
        deliveries = ServiceTable(self, "Deliveries", env=env, key="delivery_id")

        # Functions
        def function(id: str, verb: str, **settings: str) -> ServiceFunction:
            settings["STOCK_TABLE"] = stock.table_name
            return ServiceFunction(self, id, env=env, verb=f"inventory.{verb}", settings=settings)

        held = {"RESERVATIONS_TABLE": reservations.table_name}
        self.reserve_stock = function("ReserveStock", "reserve_stock", **held)
        self.release_stock = function("ReleaseStock", "release_stock", **held)
        self.receive_stock = function(
            "ReceiveStock", "receive_stock", DELIVERIES_TABLE=deliveries.table_name
        )

        # Grants
        stock.grant(self.reserve_stock, "dynamodb:UpdateItem")
        reservations.grant(self.reserve_stock, "dynamodb:PutItem")
        stock.grant(self.release_stock, "dynamodb:UpdateItem")
        reservations.grant(self.release_stock, "dynamodb:PutItem", "dynamodb:UpdateItem")
        stock.grant(self.receive_stock, "dynamodb:UpdateItem")
        deliveries.grant(self.receive_stock, "dynamodb:PutItem")

        CfnOutput(self, "StockTable", value=stock.table_name)
        CfnOutput(self, "ReservationsTable", value=reservations.table_name)
        CfnOutput(self, "DeliveriesTable", value=deliveries.table_name)
        CfnOutput(self, "ReceiveStockFunction", value=self.receive_stock.function_name)

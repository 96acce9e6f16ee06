"""Inventory: stock and reservations."""

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.shipping import ShipmentDispatched
from stacks.components.function import ServiceFunction
from stacks.components.reaction import NO_DEAD_LETTERS, Reaction
from stacks.components.table import ServiceTable
from stacks.environments import Environment


class InventoryStack(Stack):
    """Three tables that one transaction spans: what is there, what is set aside, what came in."""

    def __init__(
        self, scope: Construct, *, env: Environment, bus: events.IEventBus, alarms: sns.ITopic
    ) -> None:
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

        ship_stock = ServiceFunction(
            self,
            "ShipStock",
            env=env,
            verb="inventory.ship_stock",
            settings={**held, "STOCK_TABLE": stock.table_name},
            no_dead_letters=NO_DEAD_LETTERS,
        )

        # Flow: what left is no longer held
        Reaction(
            self,
            "OnDispatch",
            bus=bus,
            event=ShipmentDispatched,
            function=ship_stock,
            alarms=alarms,
        )

        # Grants
        stock.grant(self.reserve_stock, "dynamodb:UpdateItem")
        reservations.grant(self.reserve_stock, "dynamodb:PutItem")
        stock.grant(self.release_stock, "dynamodb:UpdateItem")
        reservations.grant(self.release_stock, "dynamodb:PutItem", "dynamodb:UpdateItem")
        stock.grant(ship_stock, "dynamodb:UpdateItem")
        reservations.grant(ship_stock, "dynamodb:GetItem", "dynamodb:UpdateItem")
        stock.grant(self.receive_stock, "dynamodb:UpdateItem")
        deliveries.grant(self.receive_stock, "dynamodb:PutItem")

        CfnOutput(self, "StockTable", value=stock.table_name)
        CfnOutput(self, "ReservationsTable", value=reservations.table_name)
        CfnOutput(self, "DeliveriesTable", value=deliveries.table_name)
        CfnOutput(self, "ReceiveStockFunction", value=self.receive_stock.function_name)

"""Purchasing: orders more of what runs low, and has it delivered."""

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.inventory import StockBelowMinimum, StockSoldOut
from stacks.constructs.function import ServiceFunction
from stacks.constructs.grants import grant
from stacks.constructs.schedule import SCHEDULE_HAS_DESTINATION, Schedule
from stacks.constructs.subscriber import Subscriber
from stacks.constructs.table import ServiceTable
from stacks.environments import Environment
from stacks.inventory import InventoryStack


class PurchasingStack(Stack):
    """From low stock to a delivery; the supplier is simulated."""

    def __init__(
        self,
        scope: Construct,
        *,
        env: Environment,
        alarms: sns.ITopic,
        schedules: scheduler.IScheduleGroup,
        inventory: InventoryStack,
    ) -> None:
        super().__init__(scope, env.stack_name("Purchasing"))

        # State
        table = ServiceTable(
            self,
            "PurchaseOrders",
            env=env,
            key="purchase_order_id",
            indexes=[("awaiting", "due_at")],
        )

        # Functions
        on_table = {"PURCHASE_ORDERS_TABLE": table.table_name}
        raise_purchase_orders = ServiceFunction(
            self,
            "RaisePurchaseOrders",
            env=env,
            handler="purchasing.raise_purchase_orders",
            settings={**on_table, "LEAD_TIME_SECONDS": str(env.lead_time.to_seconds())},
        )
        deliver_purchase_orders = ServiceFunction(
            self,
            "DeliverPurchaseOrders",
            env=env,
            handler="purchasing.deliver_purchase_orders",
            settings={
                **on_table,
                "RECEIVE_STOCK_FUNCTION": inventory.receive_stock.function_name,
            },
            timeout=Duration.seconds(50),
            no_dlq_reason=SCHEDULE_HAS_DESTINATION,
        )

        # Flow: events from inventory's topic, commands to inventory's function
        Subscriber(
            self,
            "LowStock",
            topic=inventory.topic,
            events=(StockBelowMinimum, StockSoldOut),
            function=raise_purchase_orders,
            alarms=alarms,
        )
        Schedule(
            self,
            function=deliver_purchase_orders,
            every=Duration.minutes(1),
            group=schedules,
            alarms=alarms,
        )

        # Grants
        grant(raise_purchase_orders, "dynamodb:PutItem", on=table.table_arn)
        grant(
            deliver_purchase_orders, "dynamodb:GetItem", "dynamodb:UpdateItem", on=table.table_arn
        )
        grant(deliver_purchase_orders, "dynamodb:Query", on=f"{table.table_arn}/index/awaiting")
        grant(
            deliver_purchase_orders,
            "lambda:InvokeFunction",
            on=inventory.receive_stock.function_arn,
        )

        CfnOutput(self, "PurchaseOrdersTable", value=table.table_name)
        CfnOutput(
            self, "DeliverPurchaseOrdersFunction", value=deliver_purchase_orders.function_name
        )

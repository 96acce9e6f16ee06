"""Purchasing: orders SKUs that are low in stock from the supplier, and receives them."""

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_lambda as lambda_
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
    """The purchase orders, from low stock to the delivery."""

    def __init__(
        self,
        scope: Construct,
        *,
        env: Environment,
        alarms: sns.ITopic,
        schedules: scheduler.IScheduleGroup,
        inventory: InventoryStack,
        supplier: lambda_.IFunction,
    ) -> None:
        super().__init__(scope, env.stack_name("Purchasing"))

        # State
        table = ServiceTable(
            self,
            "PurchaseOrders",
            env=env,
            key="purchase_order_id",
            indexes=[("awaiting", "check_after")],
        )

        # Functions
        on_table = {"PURCHASE_ORDERS_TABLE": table.table_name}
        raise_purchase_orders = ServiceFunction(
            self,
            "RaisePurchaseOrders",
            env=env,
            handler="purchasing.raise_purchase_orders",
            settings=on_table,
        )
        follow_up_purchase_orders = ServiceFunction(
            self,
            "FollowUpPurchaseOrders",
            env=env,
            handler="purchasing.follow_up_purchase_orders",
            settings={
                **on_table,
                "SUPPLIER_FUNCTION": supplier.function_name,
                "RECEIVE_STOCK_FUNCTION": inventory.receive_stock.function_name,
            },
            timeout=Duration.seconds(50),
            no_dlq_reason=SCHEDULE_HAS_DESTINATION,
        )

        # Flow: events from inventory's topic, orders to the supplier, deliveries to inventory
        Subscriber(
            self,
            "LowStock",
            topic=inventory.topic,
            events=(StockBelowMinimum, StockSoldOut),
            function=raise_purchase_orders,
            max_concurrency=env.subscriber_concurrency,
            alarms=alarms,
        )
        Schedule(
            self,
            function=follow_up_purchase_orders,
            every=Duration.minutes(1),
            group=schedules,
            alarms=alarms,
        )

        # Grants
        grant(raise_purchase_orders, "dynamodb:PutItem", on=table.table_arn)
        grant(
            follow_up_purchase_orders, "dynamodb:GetItem", "dynamodb:UpdateItem", on=table.table_arn
        )
        grant(follow_up_purchase_orders, "dynamodb:Query", on=f"{table.table_arn}/index/awaiting")
        for called in (supplier, inventory.receive_stock):
            grant(follow_up_purchase_orders, "lambda:InvokeFunction", on=called.function_arn)

        CfnOutput(self, "PurchaseOrdersTable", value=table.table_name)
        CfnOutput(
            self, "FollowUpPurchaseOrdersFunction", value=follow_up_purchase_orders.function_name
        )

"""Inventory: stock and reservations, and a topic with an event for every change of stock."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.inventory import ReservationUnresolved
from lambdas.contracts.orders import STATUS_EVENTS
from lambdas.contracts.shipping import ShipmentDispatched
from stacks.constructs.event_handler import HANDLER_HAS_DESTINATION, EventHandler
from stacks.constructs.function import ServiceFunction
from stacks.constructs.grants import grant, grant_publish
from stacks.constructs.schedule import SCHEDULE_HAS_DESTINATION, Schedule
from stacks.constructs.table import ServiceTable
from stacks.environments import Environment
from stacks.inventory.batches import declare_batches
from stacks.inventory.stock_events import declare_stock_events


class InventoryStack(Stack):
    """Three tables that one transaction spans: stock, reservations and deliveries."""

    def __init__(
        self,
        scope: Construct,
        *,
        env: Environment,
        bus: events.IEventBus,
        alarms: sns.ITopic,
        schedules: scheduler.IScheduleGroup,
    ) -> None:
        super().__init__(scope, env.stack_name("Inventory"))

        # State
        stream = dynamodb.StreamViewType.NEW_AND_OLD_IMAGES
        stock = ServiceTable(self, "Stock", env=env, key="sku", stream=stream)
        by_activity = ("unresolved_shard", "last_activity_at")
        reservations = ServiceTable(
            self,
            "Reservations",
            env=env,
            key="order_id",
            indexes=[by_activity],
            stream=dynamodb.StreamViewType.NEW_IMAGE,
        )
        deliveries = ServiceTable(self, "Deliveries", env=env, key="delivery_id")

        # Functions
        def function(module: str, settings: Mapping[str, str], **props: Any) -> ServiceFunction:
            id, handler = "".join(map(str.title, module.split("_"))), f"inventory.{module}"
            return ServiceFunction(self, id, env=env, handler=handler, settings=settings, **props)

        on_stock = {"STOCK_TABLE": stock.table_name}
        on_reservations = {"RESERVATIONS_TABLE": reservations.table_name}
        on_both, no_dlq_reason = {**on_reservations, **on_stock}, HANDLER_HAS_DESTINATION
        self.reserve_stock = function("reserve_stock", on_both)
        self.release_stock = function("release_stock", on_both)
        self.receive_stock = function(
            "receive_stock", {**on_stock, "DELIVERIES_TABLE": deliveries.table_name}
        )
        ship_stock = function("ship_stock", on_both, no_dlq_reason=no_dlq_reason)
        reconcile = function("reconcile_reservation", on_both, no_dlq_reason=no_dlq_reason)
        query_stale = function(
            "query_stale_reservations",
            {
                **on_reservations,
                "EVENT_BUS": bus.event_bus_name,
                "STALE_AFTER_SECONDS": str(env.unresolved_after.to_seconds()),
            },
            timeout=Duration.seconds(50),
            no_dlq_reason=SCHEDULE_HAS_DESTINATION,
        )

        # Flow
        event_handler = partial(EventHandler, self, bus=bus, alarms=alarms)
        event_handler(event=ShipmentDispatched, function=ship_stock)
        event_handler(event=STATUS_EVENTS, function=reconcile)
        Schedule(
            self,
            function=query_stale,
            every=Duration.minutes(15),
            group=schedules,
            alarms=alarms,
        )
        self.topic = declare_stock_events(self, env=env, stock=stock, alarms=alarms)
        declare_batches(
            self, env=env, reservations=reservations, stock=stock, settings=on_both, alarms=alarms
        )

        # Grants
        for writer in (self.reserve_stock, self.release_stock, ship_stock, reconcile):
            stock.grant(writer, "dynamodb:UpdateItem")
        on_reservations_table = partial(grant, on=reservations.table_arn)
        on_reservations_table(self.reserve_stock, "dynamodb:PutItem")
        on_reservations_table(self.release_stock, "dynamodb:PutItem", "dynamodb:UpdateItem")
        on_reservations_table(ship_stock, "dynamodb:GetItem", "dynamodb:UpdateItem")
        on_reservations_table(reconcile, "dynamodb:PutItem", "dynamodb:UpdateItem")
        on_reservations_table(query_stale, "dynamodb:UpdateItem")
        by_activity_arn = f"{reservations.table_arn}/index/{by_activity[0]}"
        grant(query_stale, "dynamodb:Query", on=by_activity_arn)
        grant_publish(query_stale, bus, published=[ReservationUnresolved])
        stock.grant(self.receive_stock, "dynamodb:UpdateItem")
        deliveries.grant(self.receive_stock, "dynamodb:PutItem")

        CfnOutput(self, "StockTopic", value=self.topic.topic_arn)
        CfnOutput(self, "StockTable", value=stock.table_name)
        CfnOutput(self, "ReservationsTable", value=reservations.table_name)
        CfnOutput(self, "DeliveriesTable", value=deliveries.table_name)
        CfnOutput(self, "ReceiveStockFunction", value=self.receive_stock.function_name)

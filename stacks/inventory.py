"""Inventory: stock and reservations, and a topic that tells of every change."""

from functools import partial

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.inventory import SOURCE
from lambdas.contracts.orders import STATUS_EVENTS
from lambdas.contracts.shipping import ShipmentDispatched
from stacks.constructs.event_handler import HANDLER_HAS_DESTINATION, EventHandler
from stacks.constructs.function import ServiceFunction
from stacks.constructs.grants import grant, grant_put_events
from stacks.constructs.outbox import Outbox
from stacks.constructs.schedule import SCHEDULE_HAS_DESTINATION, Schedule
from stacks.constructs.table import ServiceTable
from stacks.environments import Environment


class InventoryStack(Stack):
    """Three tables that one transaction spans: what is there, what is set aside, what came in."""

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
        stock = ServiceTable(
            self,
            "Stock",
            env=env,
            key="sku",
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
        )
        reservations = ServiceTable(
            self,
            "Reservations",
            env=env,
            key="order_id",
            indexes=[("unresolved_shard", "last_activity_at")],
        )
        deliveries = ServiceTable(self, "Deliveries", env=env, key="delivery_id")

        # Whoever listens to it is told of each SKU's changes in their order; SKUs do not wait for
        # each other. https://docs.aws.amazon.com/sns/latest/dg/fifo-high-throughput.html
        self.topic = sns.Topic(
            self,
            "Changes",
            fifo=True,
            content_based_deduplication=False,
            fifo_throughput_scope=sns.FifoThroughputScope.MESSAGE_GROUP,
            enforce_ssl=True,
        )

        # Functions
        def function(id: str, module: str, **settings: str) -> ServiceFunction:
            settings["STOCK_TABLE"] = stock.table_name
            return ServiceFunction(
                self, id, env=env, handler=f"inventory.{module}", settings=settings
            )

        on_reservations = {"RESERVATIONS_TABLE": reservations.table_name}
        self.reserve_stock = function("ReserveStock", "reserve_stock", **on_reservations)
        self.release_stock = function("ReleaseStock", "release_stock", **on_reservations)
        self.receive_stock = function(
            "ReceiveStock", "receive_stock", DELIVERIES_TABLE=deliveries.table_name
        )

        event_function = partial(
            ServiceFunction,
            self,
            env=env,
            settings={**on_reservations, "STOCK_TABLE": stock.table_name},
            no_dlq_reason=HANDLER_HAS_DESTINATION,
        )
        ship_stock = event_function(id="ShipStock", handler="inventory.ship_stock")
        reconcile_reservation = event_function(
            id="ReconcileReservation", handler="inventory.reconcile_reservation"
        )
        query_stale_reservations = ServiceFunction(
            self,
            "QueryStaleReservations",
            env=env,
            handler="inventory.query_stale_reservations",
            settings={
                **on_reservations,
                "EVENT_BUS": bus.event_bus_name,
                "STALE_AFTER_SECONDS": str(env.unresolved_after.to_seconds()),
            },
            timeout=Duration.seconds(50),
            no_dlq_reason=SCHEDULE_HAS_DESTINATION,
        )
        relay_outbox = ServiceFunction(
            self,
            "RelayOutbox",
            env=env,
            handler="inventory.relay_outbox",
            settings={"STOCK_TOPIC": self.topic.topic_arn},
        )

        # Flow: what left is no longer held, nor what an order that is over left behind; every
        # change goes out through the outbox
        event_handler = partial(EventHandler, self, bus=bus, alarms=alarms)
        event_handler(event=ShipmentDispatched, function=ship_stock)
        event_handler(event=STATUS_EVENTS, function=reconcile_reservation)
        Schedule(
            self,
            function=query_stale_reservations,
            every=Duration.minutes(15),
            group=schedules,
            alarms=alarms,
        )
        Outbox(self, "Outbox", table=stock, relay=relay_outbox, alarms=alarms)

        # Grants
        grant_reservations = partial(grant, on=reservations.table_arn)
        stock.grant(self.reserve_stock, "dynamodb:UpdateItem")
        grant_reservations(self.reserve_stock, "dynamodb:PutItem")
        stock.grant(self.release_stock, "dynamodb:UpdateItem")
        grant_reservations(self.release_stock, "dynamodb:PutItem", "dynamodb:UpdateItem")
        stock.grant(ship_stock, "dynamodb:UpdateItem")
        grant_reservations(ship_stock, "dynamodb:GetItem", "dynamodb:UpdateItem")
        stock.grant(reconcile_reservation, "dynamodb:UpdateItem")
        grant_reservations(reconcile_reservation, "dynamodb:PutItem", "dynamodb:UpdateItem")
        grant_reservations(query_stale_reservations, "dynamodb:UpdateItem")
        grant(
            query_stale_reservations,
            "dynamodb:Query",
            on=f"{reservations.table_arn}/index/unresolved_shard",
        )
        grant_put_events(query_stale_reservations, bus, source=SOURCE)
        stock.grant(self.receive_stock, "dynamodb:UpdateItem")
        deliveries.grant(self.receive_stock, "dynamodb:PutItem")
        grant(relay_outbox, "sns:Publish", on=self.topic.topic_arn)

        CfnOutput(self, "StockTopic", value=self.topic.topic_arn)
        CfnOutput(self, "StockTable", value=stock.table_name)
        CfnOutput(self, "ReservationsTable", value=reservations.table_name)
        CfnOutput(self, "DeliveriesTable", value=deliveries.table_name)
        CfnOutput(self, "ReceiveStockFunction", value=self.receive_stock.function_name)

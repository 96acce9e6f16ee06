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
from stacks.components.function import ServiceFunction
from stacks.components.grants import allow, let_publish
from stacks.components.outbox import Outbox
from stacks.components.reaction import NO_DEAD_LETTERS as NO_LOST_EVENTS
from stacks.components.reaction import Reaction
from stacks.components.schedule import NO_DEAD_LETTERS, Schedule
from stacks.components.table import ServiceTable
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
        super().__init__(scope, env.stack("Inventory"))

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
            indexes=[("unsettled", "quiet_since")],
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
        def function(id: str, verb: str, **settings: str) -> ServiceFunction:
            settings["STOCK_TABLE"] = stock.table_name
            return ServiceFunction(self, id, env=env, verb=f"inventory.{verb}", settings=settings)

        held = {"RESERVATIONS_TABLE": reservations.table_name}
        self.reserve_stock = function("ReserveStock", "reserve_stock", **held)
        self.release_stock = function("ReleaseStock", "release_stock", **held)
        self.receive_stock = function(
            "ReceiveStock", "receive_stock", DELIVERIES_TABLE=deliveries.table_name
        )

        reacting = partial(
            ServiceFunction,
            self,
            env=env,
            settings={**held, "STOCK_TABLE": stock.table_name},
            no_dead_letters=NO_LOST_EVENTS,
        )
        ship_stock = reacting(id="ShipStock", verb="inventory.ship_stock")
        settle_reservation = reacting(id="SettleReservation", verb="inventory.settle_reservation")
        ask_about_reservations = ServiceFunction(
            self,
            "AskAboutReservations",
            env=env,
            verb="inventory.ask_about_reservations",
            settings={
                **held,
                "EVENT_BUS": bus.event_bus_name,
                "PATIENCE_SECONDS": str(env.quiet.to_seconds()),
            },
            timeout=Duration.seconds(50),
            no_dead_letters=NO_DEAD_LETTERS,
        )
        announce_changes = ServiceFunction(
            self,
            "AnnounceChanges",
            env=env,
            verb="inventory.announce_changes",
            settings={"STOCK_TOPIC": self.topic.topic_arn},
        )

        # Flow: what left is no longer held, nor what an order that is over left behind; every
        # change goes out through the outbox
        reaction = partial(Reaction, self, bus=bus, alarms=alarms)
        reaction(id="OnDispatch", event=ShipmentDispatched, function=ship_stock)
        reaction(id="OnState", event=STATUS_EVENTS, function=settle_reservation)
        Schedule(
            self,
            "AskAboutReservationsOften",
            function=ask_about_reservations,
            every=Duration.minutes(15),
            group=schedules,
            alarms=alarms,
        )
        Outbox(self, "Outbox", table=stock, relay=announce_changes, alarms=alarms)

        # Grants
        hold = partial(allow, on=reservations.table_arn)
        stock.grant(self.reserve_stock, "dynamodb:UpdateItem")
        hold(self.reserve_stock, "dynamodb:PutItem")
        stock.grant(self.release_stock, "dynamodb:UpdateItem")
        hold(self.release_stock, "dynamodb:PutItem", "dynamodb:UpdateItem")
        stock.grant(ship_stock, "dynamodb:UpdateItem")
        hold(ship_stock, "dynamodb:GetItem", "dynamodb:UpdateItem")
        stock.grant(settle_reservation, "dynamodb:UpdateItem")
        hold(settle_reservation, "dynamodb:PutItem", "dynamodb:UpdateItem")
        hold(ask_about_reservations, "dynamodb:UpdateItem")
        allow(
            ask_about_reservations,
            "dynamodb:Query",
            on=f"{reservations.table_arn}/index/unsettled",
        )
        let_publish(ask_about_reservations, bus, source=SOURCE)
        stock.grant(self.receive_stock, "dynamodb:UpdateItem")
        deliveries.grant(self.receive_stock, "dynamodb:PutItem")
        allow(announce_changes, "sns:Publish", on=self.topic.topic_arn)

        CfnOutput(self, "StockTopic", value=self.topic.topic_arn)
        CfnOutput(self, "StockTable", value=stock.table_name)
        CfnOutput(self, "ReservationsTable", value=reservations.table_name)
        CfnOutput(self, "DeliveriesTable", value=deliveries.table_name)
        CfnOutput(self, "ReceiveStockFunction", value=self.receive_stock.function_name)

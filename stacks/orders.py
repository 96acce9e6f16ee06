"""Orders: takes them through the HTTP API, owns their state, runs the fulfilment saga."""

from functools import partial

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_apigatewayv2 as apigw
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.inventory import (
    OutOfStock,
    ReleaseStock,
    ReservationReleased,
    ReserveStock,
)
from lambdas.contracts.orders import SOURCE, OrderNeedsAttention, OrderPlaced
from lambdas.contracts.payments import (
    PaymentDeclined,
    PaymentRefunded,
    RefundPayment,
    TakePayment,
)
from lambdas.contracts.shipping import (
    AddressUndeliverable,
    BookShipment,
    CancelShipment,
    ShipmentCancelled,
)
from stacks.components.event_rule import EventRule
from stacks.components.front_door import FrontDoor
from stacks.components.function import ServiceFunction
from stacks.components.grants import let_publish
from stacks.components.outbox import Outbox
from stacks.components.queue import ParkingQueue
from stacks.components.saga import Saga
from stacks.components.saga_steps import Call, Record, Step
from stacks.components.table import ServiceTable
from stacks.environments import Environment
from stacks.inventory import InventoryStack
from stacks.payments import PaymentsStack
from stacks.shipping import ShippingStack


class OrdersStack(Stack):
    """From a customer's POST to an order that is confirmed, or rejected with all undone."""

    def __init__(
        self,
        scope: Construct,
        *,
        env: Environment,
        bus: events.IEventBus,
        alarms: sns.ITopic,
        inventory: InventoryStack,
        payments: PaymentsStack,
        shipping: ShippingStack,
    ) -> None:
        super().__init__(scope, env.stack("Orders"))

        # State
        table = ServiceTable(
            self,
            "Orders",
            env=env,
            key="order_id",
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
        )
        repair_queue = ParkingQueue(
            self, "Repair", holds="compensations that failed for good", alarms=alarms
        )

        # Functions
        settings = {"ORDERS_TABLE": table.table_name}
        place_order = ServiceFunction(
            self, "PlaceOrder", env=env, verb="orders.place_order", settings=settings
        )
        get_order = ServiceFunction(
            self, "GetOrder", env=env, verb="orders.get_order", settings=settings
        )
        announce_changes = ServiceFunction(
            self,
            "AnnounceChanges",
            env=env,
            verb="orders.announce_changes",
            settings={"EVENT_BUS": bus.event_bus_name},
        )

        # Flow: in through the front door, out through the outbox, on by the saga
        front_door = FrontDoor(self, "FrontDoor", env=env)
        front_door.route(apigw.HttpMethod.POST, "/orders", place_order)
        front_door.route(apigw.HttpMethod.GET, "/orders/{order_id}", get_order)

        Outbox(self, "Outbox", table=table, relay=announce_changes, alarms=alarms)

        fulfilment = Saga(
            self,
            "Fulfilment",
            env=env,
            record=Record(
                table=table, key="order_id", open="PLACED", done="CONFIRMED", undone="REJECTED"
            ),
            steps=[
                Step(
                    action=Call(command=ReserveStock, function=inventory.reserve_stock),
                    refusals=(OutOfStock, ReservationReleased),
                    compensation=Call(command=ReleaseStock, function=inventory.release_stock),
                ),
                Step(
                    action=Call(command=TakePayment, function=payments.take_payment),
                    refusals=(PaymentDeclined, PaymentRefunded),
                    compensation=Call(command=RefundPayment, function=payments.refund_payment),
                ),
                Step(
                    action=Call(command=BookShipment, function=shipping.book_shipment),
                    refusals=(AddressUndeliverable, ShipmentCancelled),
                    compensation=Call(command=CancelShipment, function=shipping.cancel_shipment),
                ),
            ],
            repair_queue=repair_queue,
        )
        detail = events.RuleTargetInput.from_event_path("$.detail")
        EventRule(
            self,
            "StartFulfilment",
            bus=bus,
            event=OrderPlaced,
            target=partial(targets.SfnStateMachine, fulfilment.machine, input=detail),
            alarms=alarms,
        )
        EventRule(
            self,
            "TellOperations",
            bus=bus,
            event=OrderNeedsAttention,
            target=partial(targets.SnsTopic, alarms, authorize_using_role=True),
            alarms=alarms,
        )

        # Grants
        table.grant(place_order, "dynamodb:PutItem")
        table.grant(get_order, "dynamodb:GetItem")
        let_publish(announce_changes, bus, source=SOURCE)

        CfnOutput(self, "ApiUrl", value=front_door.api.api_endpoint)
        CfnOutput(self, "UserPoolId", value=front_door.customers.user_pool_id)
        CfnOutput(self, "UserPoolClientId", value=front_door.client.user_pool_client_id)
        CfnOutput(self, "OrdersTable", value=table.table_name)
        CfnOutput(self, "RepairQueue", value=repair_queue.queue_url)

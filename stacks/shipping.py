"""Shipping: books, cancels and dispatches shipments."""

from functools import partial

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.orders import OrderHeld, OrderHoldLifted
from lambdas.contracts.shipping import EVENTS
from lambdas.contracts.warehouse import OrderPicked
from stacks.constructs.event_handler import HANDLER_HAS_DESTINATION, EventHandler
from stacks.constructs.function import ServiceFunction
from stacks.constructs.grants import grant_publish
from stacks.constructs.outbox import Outbox
from stacks.constructs.table import ServiceTable
from stacks.environments import Environment


class ShippingStack(Stack):
    """A table with the shipment of each order, which is also the outbox of ShipmentDispatched."""

    def __init__(
        self, scope: Construct, *, env: Environment, bus: events.IEventBus, alarms: sns.ITopic
    ) -> None:
        super().__init__(scope, env.stack_name("Shipping"))

        # State
        shipments = ServiceTable(
            self,
            "Shipments",
            env=env,
            key="order_id",
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
        )

        # Functions
        on_table = {"SHIPMENTS_TABLE": shipments.table_name}
        function = partial(ServiceFunction, self, env=env)
        self.book_shipment = function(
            id="BookShipment", handler="shipping.book_shipment", settings=on_table
        )
        self.cancel_shipment = function(
            id="CancelShipment", handler="shipping.cancel_shipment", settings=on_table
        )
        dispatch_shipment = function(
            id="DispatchShipment",
            handler="shipping.dispatch_shipment",
            settings=on_table,
            no_dlq_reason=HANDLER_HAS_DESTINATION,
        )
        apply_hold = function(
            id="ApplyHold",
            handler="shipping.apply_hold",
            settings=on_table,
            no_dlq_reason=HANDLER_HAS_DESTINATION,
        )
        relay_outbox = function(
            id="RelayOutbox",
            handler="shipping.relay_outbox",
            settings={"EVENT_BUS": bus.event_bus_name},
        )

        # Flow: a picked order is dispatched unless it is held; the outbox publishes the dispatch
        event_handler = partial(EventHandler, self, bus=bus, alarms=alarms)
        event_handler(event=OrderPicked, function=dispatch_shipment)
        event_handler(event=[OrderHeld, OrderHoldLifted], function=apply_hold)
        Outbox(
            self,
            "Outbox",
            table=shipments,
            relay=relay_outbox,
            alarms=alarms,
            parallelization_factor=env.relay_parallelization,
        )

        # Grants
        shipments.grant(self.book_shipment, "dynamodb:PutItem")
        shipments.grant(self.cancel_shipment, "dynamodb:UpdateItem")
        for writer in (dispatch_shipment, apply_hold):
            shipments.grant(writer, "dynamodb:GetItem", "dynamodb:PutItem")
        grant_publish(relay_outbox, bus, published=EVENTS)

        CfnOutput(self, "ShipmentsTable", value=shipments.table_name)

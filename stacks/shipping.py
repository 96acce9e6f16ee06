"""Shipping: books, cancels and dispatches shipments."""

from functools import partial

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.orders import OrderHeld, OrderHoldLifted
from lambdas.contracts.shipping import SOURCE
from lambdas.contracts.warehouse import OrderPicked
from stacks.components.function import ServiceFunction
from stacks.components.grants import let_publish
from stacks.components.outbox import Outbox
from stacks.components.reaction import NO_DEAD_LETTERS, Reaction
from stacks.components.table import ServiceTable
from stacks.environments import Environment


class ShippingStack(Stack):
    """A table of shipments, one an order, which is the outbox of their dispatch as well."""

    def __init__(
        self, scope: Construct, *, env: Environment, bus: events.IEventBus, alarms: sns.ITopic
    ) -> None:
        super().__init__(scope, env.stack("Shipping"))

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
            id="BookShipment", verb="shipping.book_shipment", settings=on_table
        )
        self.cancel_shipment = function(
            id="CancelShipment", verb="shipping.cancel_shipment", settings=on_table
        )
        dispatch_shipment = function(
            id="DispatchShipment",
            verb="shipping.dispatch_shipment",
            settings=on_table,
            no_dead_letters=NO_DEAD_LETTERS,
        )
        note_hold = function(
            id="NoteHold",
            verb="shipping.note_hold",
            settings=on_table,
            no_dead_letters=NO_DEAD_LETTERS,
        )
        announce_changes = function(
            id="AnnounceChanges",
            verb="shipping.announce_changes",
            settings={"EVENT_BUS": bus.event_bus_name},
        )

        # Flow: an order that was picked leaves unless it is held, and that is told
        reaction = partial(Reaction, self, bus=bus, alarms=alarms)
        reaction(id="OnPicked", event=OrderPicked, function=dispatch_shipment)
        reaction(id="OnHold", event=[OrderHeld, OrderHoldLifted], function=note_hold)
        Outbox(self, "Outbox", table=shipments, relay=announce_changes, alarms=alarms)

        # Grants
        shipments.grant(self.book_shipment, "dynamodb:PutItem")
        shipments.grant(self.cancel_shipment, "dynamodb:UpdateItem")
        for changing in (dispatch_shipment, note_hold):
            shipments.grant(changing, "dynamodb:GetItem", "dynamodb:PutItem")
        let_publish(announce_changes, bus, source=SOURCE)

        CfnOutput(self, "ShipmentsTable", value=shipments.table_name)

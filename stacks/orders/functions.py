"""The functions of the orders service that requests, events and operators invoke."""

import json
from dataclasses import asdict
from functools import partial

from aws_cdk import aws_events as events
from constructs import Construct

from lambdas.contracts.orders import (
    ORDER_EVENTS,
    OrderPlaced,
    OrderStatusReported,
    OrderWithdrawn,
)
from stacks.constructs.event_handler import HANDLER_HAS_DESTINATION
from stacks.constructs.function import ServiceFunction
from stacks.constructs.grants import grant, grant_publish
from stacks.constructs.table import ServiceTable
from stacks.environments import Environment


class OrderFunctions:
    """The functions, each an attribute named after its handler; ``scope`` owns them."""

    def __init__(
        self,
        scope: Construct,
        *,
        env: Environment,
        table: ServiceTable,
        offers: ServiceTable,
        checkpoints: ServiceTable,
        open_orders: ServiceTable,
        bus: events.IEventBus,
    ) -> None:
        """Declare the functions; ``hold_order`` only where a partner reports disputes."""
        table_settings = {"ORDERS_TABLE": table.table_name}
        offers_settings = {"OFFERS_TABLE": offers.table_name}
        grace = {"OFFER_GRACE_SECONDS": str(int(env.offer_grace.to_seconds()))}
        backlog = {
            "CHECKPOINTS_TABLE": checkpoints.table_name,
            "MAX_OPEN_ORDERS": str(env.max_open_orders),
        }
        limits = {
            "OPEN_ORDERS_TABLE": open_orders.table_name,
            "CUSTOMER_LIMITS": json.dumps(asdict(env.customer_limits)),
        }
        bus_settings = {"EVENT_BUS": bus.event_bus_name}

        function = partial(ServiceFunction, scope, env=env)
        event_function = partial(function, no_dlq_reason=HANDLER_HAS_DESTINATION)
        request_function = partial(function, entry=True)

        self.place_order = request_function(
            id="PlaceOrder",
            handler="orders.place_order",
            settings={**table_settings, **offers_settings, **grace, **backlog, **limits},
            reserved_concurrency=env.placing_concurrency,
        )
        self.update_offers = event_function(
            id="UpdateOffers", handler="orders.update_offers", settings=offers_settings
        )
        self.get_order = request_function(
            id="GetOrder", handler="orders.get_order", settings=table_settings
        )
        self.cancel_order = request_function(
            id="CancelOrder", handler="orders.cancel_order", settings=table_settings
        )
        self.relay_outbox = function(
            id="RelayOutbox",
            handler="orders.relay_outbox",
            settings={**bus_settings, "ENVIRONMENT": env.name},
        )
        self.mark_compensation_completed = function(
            id="MarkCompensationCompleted",
            handler="orders.mark_compensation_completed",
            settings=table_settings,
        )
        self.mark_dispatched = event_function(
            id="MarkDispatched", handler="orders.mark_dispatched", settings=table_settings
        )
        self.lift_hold = function(
            id="LiftHold", handler="orders.lift_hold", settings=table_settings
        )
        self.resume_order = function(
            id="ResumeOrder",
            handler="orders.resume_order",
            settings={**table_settings, **bus_settings},
        )
        self.answer_status_query = event_function(
            id="AnswerStatusQuery",
            handler="orders.answer_status_query",
            settings={**table_settings, **bus_settings},
        )
        self.hold_order: ServiceFunction | None = None
        if env.partner_event_source:
            self.hold_order = event_function(
                id="HoldOrder", handler="orders.hold_order", settings=table_settings
            )

    def grant_access(
        self,
        *,
        table: ServiceTable,
        offers: ServiceTable,
        checkpoints: ServiceTable,
        open_orders: ServiceTable,
        bus: events.IEventBus,
    ) -> None:
        """Grant each function the actions that it uses on the tables and the bus."""
        for written in (table, open_orders):
            grant(self.place_order, "dynamodb:GetItem", "dynamodb:PutItem", on=written.table_arn)
        grant(self.place_order, "dynamodb:BatchGetItem", on=table.table_arn)
        grant(self.place_order, "dynamodb:BatchGetItem", on=offers.table_arn)
        grant(self.place_order, "dynamodb:GetItem", on=checkpoints.table_arn)
        grant(self.update_offers, "dynamodb:PutItem", on=offers.table_arn)
        for reader in (self.get_order, self.answer_status_query):
            grant(reader, "dynamodb:GetItem", on=table.table_arn)
        writers = (
            self.cancel_order,
            self.mark_dispatched,
            self.mark_compensation_completed,
            self.lift_hold,
            self.resume_order,
            self.hold_order,
        )
        for writer in filter(None, writers):
            grant(writer, "dynamodb:GetItem", "dynamodb:PutItem", on=table.table_arn)
        grant_publish(self.relay_outbox, bus, published=ORDER_EVENTS)
        grant_publish(self.resume_order, bus, published=[OrderPlaced, OrderWithdrawn])
        grant_publish(self.answer_status_query, bus, published=[OrderStatusReported])

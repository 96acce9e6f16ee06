"""Orders: accepts them through the HTTP API, owns their state, runs their sagas."""

from functools import partial

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.catalog import OffersChanged
from lambdas.contracts.inventory import ReservationUnresolved
from lambdas.contracts.orders import OrderHeld, OrderHoldMissed, OrderNeedsAttention
from lambdas.contracts.orders_table import ORDER_INDEXES, OrderColumn
from lambdas.contracts.payments import ChargeUnresolved, PaymentDisputed
from lambdas.contracts.shipping import ShipmentDispatched
from stacks.constructs.alert import alert_of_order
from stacks.constructs.event_handler import EventHandler
from stacks.constructs.event_rule import EventRule
from stacks.constructs.http_api import HttpApi
from stacks.constructs.http_route import HttpRoute
from stacks.constructs.outbox import Outbox
from stacks.constructs.queue import DeadLetterQueue
from stacks.constructs.table import ServiceTable
from stacks.environments import Environment
from stacks.inventory import InventoryStack
from stacks.orders.functions import OrderFunctions
from stacks.orders.jobs import OrderJobs
from stacks.orders.sagas import declare_sagas, saga_steps
from stacks.payments import PaymentsStack
from stacks.shipping import ShippingStack


class OrdersStack(Stack):
    """Takes customers' orders, and runs the sagas that confirm, reject and withdraw them."""

    def __init__(
        self,
        scope: Construct,
        *,
        env: Environment,
        bus: events.IEventBus,
        alarms: sns.ITopic,
        schedules: scheduler.IScheduleGroup,
        inventory: InventoryStack,
        payments: PaymentsStack,
        shipping: ShippingStack,
        http_api: HttpApi,
    ) -> None:
        super().__init__(scope, env.stack_name("Orders"))

        # State
        table = ServiceTable(
            self,
            "Orders",
            env=env,
            key=OrderColumn.ORDER_ID,
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
            indexes=ORDER_INDEXES,
        )
        offers = ServiceTable(self, "Offers", env=env, key="sku")
        open_orders = ServiceTable(
            self, "OpenOrders", env=env, key="customer_id", expiry="expires_at"
        )
        repair_queue = DeadLetterQueue(
            self, "Repair", consumer="Sagas", contents="failed compensations", alarms=alarms
        )

        # Scheduled jobs, and functions that requests, events and operators invoke
        jobs = OrderJobs(
            self, "Jobs", env=env, orders=table, bus=bus, group=schedules, alarms=alarms
        )
        tables = {
            "table": table,
            "offers": offers,
            "checkpoints": jobs.checkpoints,
            "open_orders": open_orders,
        }
        functions = OrderFunctions(self, env=env, bus=bus, **tables)

        # Flow: in through the HTTP API, out through the outbox, on by the sagas
        self._add_routes(http_api, functions)
        Outbox(
            self,
            "Outbox",
            table=table,
            relay=functions.relay_outbox,
            alarms=alarms,
            parallelization_factor=env.relay_parallelization,
        )
        sagas = partial(declare_sagas, self, env=env, bus=bus, alarms=alarms)
        steps = saga_steps(inventory, payments, shipping)
        sagas(table=table, steps=steps, repair_queue=repair_queue)
        self._alert_operators(bus, alarms)
        self._handle_events(functions, bus, alarms)

        functions.grant_access(bus=bus, **tables)

        outputs = {
            "OrdersTable": table.table_name,
            "OffersTable": offers.table_name,
            "LiftHoldFunction": functions.lift_hold.function_name,
            "ResumeOrderFunction": functions.resume_order.function_name,
            "RepairQueue": repair_queue.queue_url,
            "MarkCompensationCompletedFunction": (
                functions.mark_compensation_completed.function_name
            ),
        }
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)

    def _add_routes(self, api: HttpApi, functions: OrderFunctions) -> None:
        add_route = partial(HttpRoute, self, api=api, callers=api.customers)
        add_route("POST /orders", function=functions.place_order)
        add_route("GET /orders/{order_id}", function=functions.get_order)
        add_route("DELETE /orders/{order_id}", function=functions.cancel_order)

    def _alert_operators(self, bus: events.IEventBus, alarms: sns.ITopic) -> None:
        rule = partial(EventRule, self, bus=bus, alarms=alarms)
        for event in (OrderNeedsAttention, OrderHeld, OrderHoldMissed):
            rule(id=f"Alert{event.detail_type}", event=event, target=alert_of_order(alarms))

    def _handle_events(
        self, functions: OrderFunctions, bus: events.IEventBus, alarms: sns.ITopic
    ) -> None:
        handler = partial(EventHandler, self, bus=bus, alarms=alarms)
        handler(event=ShipmentDispatched, function=functions.mark_dispatched)
        handler(event=OffersChanged, function=functions.update_offers)
        handler(
            event=(ReservationUnresolved, ChargeUnresolved), function=functions.answer_status_query
        )
        if hold_order := functions.hold_order:
            on_dispute = handler(event=PaymentDisputed, function=hold_order)
            hold_order.add_environment("DEAD_LETTER_QUEUE_URL", on_dispute.dead_letters.queue_url)

"""Orders: takes them through the HTTP API, owns their state, runs the fulfilment saga."""

from functools import partial

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_apigatewayv2 as apigw
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.inventory import (
    OutOfStock,
    ReleaseStock,
    ReservationAlreadyReleased,
    ReservationUnresolved,
    ReserveStock,
)
from lambdas.contracts.orders import (
    SOURCE,
    OrderHeld,
    OrderHoldMissed,
    OrderNeedsAttention,
    OrderPlaced,
    OrderWithdrawn,
)
from lambdas.contracts.payments import (
    ChargeUnresolved,
    PaymentAlreadyRefunded,
    PaymentDeclined,
    PaymentDisputed,
    RefundPayment,
    TakePayment,
)
from lambdas.contracts.shipping import (
    AddressUndeliverable,
    BookShipment,
    CancelShipment,
    ShipmentAlreadyCancelled,
    ShipmentAlreadyDispatched,
    ShipmentDispatched,
)
from stacks.constructs.event_handler import HANDLER_HAS_DESTINATION, EventHandler
from stacks.constructs.event_rule import EventRule
from stacks.constructs.function import ServiceFunction
from stacks.constructs.grants import grant, grant_put_events
from stacks.constructs.http_api import HttpApi
from stacks.constructs.order_jobs import ORDER_INDEXES, OrderJobs
from stacks.constructs.outbox import Outbox
from stacks.constructs.queue import DeadLetterQueue
from stacks.constructs.saga import Saga
from stacks.constructs.saga_steps import CommandCall, SagaRecord, SagaStep
from stacks.constructs.table import ServiceTable
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
        schedules: scheduler.IScheduleGroup,
        inventory: InventoryStack,
        payments: PaymentsStack,
        shipping: ShippingStack,
    ) -> None:
        super().__init__(scope, env.stack_name("Orders"))

        # State
        table = ServiceTable(
            self,
            "Orders",
            env=env,
            key="order_id",
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
            indexes=ORDER_INDEXES,
        )
        repair_queue = DeadLetterQueue(
            self, "Repair", consumer="Sagas", contents="failed compensations", alarms=alarms
        )

        # Functions
        table_settings = {"ORDERS_TABLE": table.table_name}
        bus_settings = {"EVENT_BUS": bus.event_bus_name}

        def function(id: str, handler: str, settings: dict[str, str]) -> ServiceFunction:
            return ServiceFunction(
                self, id, env=env, handler=f"orders.{handler}", settings=settings
            )

        place_order = function("PlaceOrder", "place_order", table_settings)
        get_order = function("GetOrder", "get_order", table_settings)
        cancel_order = function("CancelOrder", "cancel_order", table_settings)
        relay_outbox = function("RelayOutbox", "relay_outbox", bus_settings)
        event_function = partial(
            ServiceFunction,
            self,
            env=env,
            settings=table_settings,
            no_dlq_reason=HANDLER_HAS_DESTINATION,
        )
        mark_compensation_completed = function(
            "MarkCompensationCompleted", "mark_compensation_completed", table_settings
        )
        mark_dispatched = event_function(id="MarkDispatched", handler="orders.mark_dispatched")
        lift_hold = function("LiftHold", "lift_hold", table_settings)
        answer_status_query = event_function(
            id="AnswerStatusQuery",
            handler="orders.answer_status_query",
            settings={**table_settings, **bus_settings},
        )

        # Flow: in through the HTTP API, out through the outbox, on by the saga
        self.http_api = http_api = HttpApi(self, "HttpApi", env=env)
        http_api.route(apigw.HttpMethod.POST, "/orders", place_order)
        http_api.route(apigw.HttpMethod.GET, "/orders/{order_id}", get_order)
        http_api.route(apigw.HttpMethod.DELETE, "/orders/{order_id}", cancel_order)

        Outbox(self, "Outbox", table=table, relay=relay_outbox, alarms=alarms)
        OrderJobs(
            self,
            "Jobs",
            env=env,
            orders=table,
            bus=bus,
            source=SOURCE,
            group=schedules,
            alarms=alarms,
        )

        steps = [
            SagaStep(
                action=CommandCall(command=ReserveStock, function=inventory.reserve_stock),
                refusals=(OutOfStock,),
                already_compensated=(ReservationAlreadyReleased,),
                compensation=CommandCall(command=ReleaseStock, function=inventory.release_stock),
            ),
            SagaStep(
                action=CommandCall(command=TakePayment, function=payments.take_payment),
                refusals=(PaymentDeclined,),
                already_compensated=(PaymentAlreadyRefunded,),
                compensation=CommandCall(command=RefundPayment, function=payments.refund_payment),
            ),
            SagaStep(
                action=CommandCall(command=BookShipment, function=shipping.book_shipment),
                refusals=(AddressUndeliverable,),
                already_compensated=(ShipmentAlreadyCancelled,),
                compensation=CommandCall(command=CancelShipment, function=shipping.cancel_shipment),
                irreversible=(ShipmentAlreadyDispatched,),
            ),
        ]
        record = partial(SagaRecord, table=table, key="order_id")
        saga = partial(Saga, self, env=env, steps=steps, repair_queue=repair_queue, alarms=alarms)
        fulfilment = saga(
            id="Fulfilment",
            record=record(
                initial="PLACED",
                completed="CONFIRMED",
                compensated="REJECTED",
                cancelled="CANCELLED",
                irreversible="DISPATCHED",
            ),
        )
        withdrawal = saga(
            id="Withdrawal",
            record=record(initial="WITHDRAWN", compensated="CANCELLED", irreversible="DISPATCHED"),
        )

        detail = events.RuleTargetInput.from_event_path("$.detail")
        start = partial(targets.SfnStateMachine, input=detail)
        rule = partial(EventRule, self, bus=bus, alarms=alarms)
        rule(
            id="StartFulfilment",
            event=OrderPlaced,
            target=partial(start, machine=fulfilment.machine),
        )
        rule(
            id="StartWithdrawal",
            event=OrderWithdrawn,
            target=partial(start, machine=withdrawal.machine),
        )
        for id, alerting_event in (
            ("AlertOrderNeedsAttention", OrderNeedsAttention),
            ("AlertOrderHeld", OrderHeld),
            ("AlertOrderHoldMissed", OrderHoldMissed),
        ):
            rule(
                id=id,
                event=alerting_event,
                target=partial(targets.SnsTopic, topic=alarms, authorize_using_role=True),
            )

        event_handler = partial(EventHandler, self, bus=bus, alarms=alarms)
        event_handler(event=ShipmentDispatched, function=mark_dispatched)
        status_queries = (ReservationUnresolved, ChargeUnresolved)
        event_handler(event=status_queries, function=answer_status_query)
        writers = [cancel_order, mark_dispatched, mark_compensation_completed, lift_hold]
        if env.partner_event_source:
            hold_order = event_function(id="HoldOrder", handler="orders.hold_order")
            on_dispute = event_handler(event=PaymentDisputed, function=hold_order)
            hold_order.add_environment("DEAD_LETTER_QUEUE_URL", on_dispute.dead_letters.queue_url)
            writers.append(hold_order)

        # Grants
        grant(place_order, "dynamodb:PutItem", on=table.table_arn)
        grant(get_order, "dynamodb:GetItem", on=table.table_arn)
        for writer in writers:
            grant(writer, "dynamodb:GetItem", "dynamodb:PutItem", on=table.table_arn)
        grant(answer_status_query, "dynamodb:GetItem", on=table.table_arn)
        grant_put_events(relay_outbox, bus, source=SOURCE)
        grant_put_events(answer_status_query, bus, source=SOURCE)

        CfnOutput(self, "ApiUrl", value=http_api.api.api_endpoint)
        CfnOutput(self, "UserPoolId", value=http_api.user_pool.user_pool_id)
        CfnOutput(self, "UserPoolClientId", value=http_api.user_pool_client.user_pool_client_id)
        CfnOutput(self, "OrdersTable", value=table.table_name)
        CfnOutput(self, "LiftHoldFunction", value=lift_hold.function_name)
        CfnOutput(self, "RepairQueue", value=repair_queue.queue_url)
        CfnOutput(
            self,
            "MarkCompensationCompletedFunction",
            value=mark_compensation_completed.function_name,
        )

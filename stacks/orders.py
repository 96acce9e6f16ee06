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
    ReservationUnresolved,
    ReservationAlreadyReleased,
    ReserveStock,
)
from lambdas.contracts.orders import (
    SOURCE,
    OrderHeld,
    OrderNeedsAttention,
    OrderHoldMissed,
    OrderPlaced,
    OrderWithdrawn,
)
from lambdas.contracts.payments import (
    ChargeUnresolved,
    PaymentDeclined,
    PaymentDisputed,
    PaymentAlreadyRefunded,
    RefundPayment,
    TakePayment,
)
from lambdas.contracts.shipping import (
    AddressUndeliverable,
    ShipmentAlreadyDispatched,
    BookShipment,
    CancelShipment,
    ShipmentAlreadyCancelled,
    ShipmentDispatched,
)
from stacks.components.event_rule import EventRule
from stacks.components.front_door import FrontDoor
from stacks.components.function import ServiceFunction
from stacks.components.grants import allow, let_publish
from stacks.components.outbox import Outbox
from stacks.components.queue import ParkingQueue
from stacks.components.reaction import NO_DEAD_LETTERS as NO_LOST_EVENTS
from stacks.components.reaction import Reaction
from stacks.components.saga import Saga
from stacks.components.saga_steps import Call, Record, Step
from stacks.components.table import ServiceTable
from stacks.components.tidying import INDEXES, Tidying
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
        super().__init__(scope, env.stack("Orders"))

        # State
        table = ServiceTable(
            self,
            "Orders",
            env=env,
            key="order_id",
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
            indexes=INDEXES,
        )
        repair_queue = ParkingQueue(
            self, "Repair", holds="compensations that failed for good", alarms=alarms
        )

        # Functions
        on_table = {"ORDERS_TABLE": table.table_name}
        on_bus = {"EVENT_BUS": bus.event_bus_name}

        def function(id: str, verb: str, settings: dict[str, str]) -> ServiceFunction:
            return ServiceFunction(self, id, env=env, verb=f"orders.{verb}", settings=settings)

        place_order = function("PlaceOrder", "place_order", on_table)
        get_order = function("GetOrder", "get_order", on_table)
        cancel_order = function("CancelOrder", "cancel_order", on_table)
        announce_changes = function("AnnounceChanges", "announce_changes", on_bus)
        reacting = partial(
            ServiceFunction, self, env=env, settings=on_table, no_dead_letters=NO_LOST_EVENTS
        )
        mark_compensation_completed = function("MarkCompensationCompleted", "mark_compensation_completed", on_table)
        note_dispatch = reacting(id="NoteDispatch", verb="orders.note_dispatch")
        lift_hold = function("LiftHold", "lift_hold", on_table)
        look_up_order = reacting(
            id="LookUpOrder", verb="orders.look_up_order", settings={**on_table, **on_bus}
        )

        # Flow: in through the front door, out through the outbox, on by the saga
        self.front_door = front_door = FrontDoor(self, "FrontDoor", env=env)
        front_door.route(apigw.HttpMethod.POST, "/orders", place_order)
        front_door.route(apigw.HttpMethod.GET, "/orders/{order_id}", get_order)
        front_door.route(apigw.HttpMethod.DELETE, "/orders/{order_id}", cancel_order)

        Outbox(self, "Outbox", table=table, relay=announce_changes, alarms=alarms)
        Tidying(self, "Tidying", env=env, orders=table, bus=bus, group=schedules, alarms=alarms)

        steps = [
            Step(
                action=Call(command=ReserveStock, function=inventory.reserve_stock),
                refusals=(OutOfStock,),
                overtaken=(ReservationAlreadyReleased,),
                compensation=Call(command=ReleaseStock, function=inventory.release_stock),
            ),
            Step(
                action=Call(command=TakePayment, function=payments.take_payment),
                refusals=(PaymentDeclined,),
                overtaken=(PaymentAlreadyRefunded,),
                compensation=Call(command=RefundPayment, function=payments.refund_payment),
            ),
            Step(
                action=Call(command=BookShipment, function=shipping.book_shipment),
                refusals=(AddressUndeliverable,),
                overtaken=(ShipmentAlreadyCancelled,),
                compensation=Call(command=CancelShipment, function=shipping.cancel_shipment),
                too_late=(ShipmentAlreadyDispatched,),
            ),
        ]
        record = partial(Record, table=table, key="order_id")
        saga = partial(Saga, self, env=env, steps=steps, repair_queue=repair_queue, alarms=alarms)
        fulfilment = saga(
            id="Fulfilment",
            record=record(
                open="PLACED",
                done="CONFIRMED",
                undone="REJECTED",
                cancelled="CANCELLED",
                kept="DISPATCHED",
            ),
        )
        withdrawal = saga(
            id="Withdrawal", record=record(open="WITHDRAWN", undone="CANCELLED", kept="DISPATCHED")
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
        for id, waits_for_a_person in (
            ("TellOperations", OrderNeedsAttention),
            ("TellOfHold", OrderHeld),
            ("TellOfMissedHold", OrderHoldMissed),
        ):
            rule(
                id=id,
                event=waits_for_a_person,
                target=partial(targets.SnsTopic, topic=alarms, authorize_using_role=True),
            )

        reaction = partial(Reaction, self, bus=bus, alarms=alarms)
        reaction(id="OnDispatch", event=ShipmentDispatched, function=note_dispatch)
        questions = (ReservationUnresolved, ChargeUnresolved)
        reaction(id="OnQuestion", event=questions, function=look_up_order)
        changing = [cancel_order, note_dispatch, mark_compensation_completed, lift_hold]
        if env.partner_event_source:
            hold_order = reacting(id="HoldOrder", verb="orders.hold_order")
            on_dispute = reaction(id="OnDispute", event=PaymentDisputed, function=hold_order)
            hold_order.add_environment("DEAD_LETTER_QUEUE_URL", on_dispute.failed.queue_url)
            changing.append(hold_order)

        # Grants
        allow(place_order, "dynamodb:PutItem", on=table.table_arn)
        allow(get_order, "dynamodb:GetItem", on=table.table_arn)
        for changer in changing:
            allow(changer, "dynamodb:GetItem", "dynamodb:PutItem", on=table.table_arn)
        allow(look_up_order, "dynamodb:GetItem", on=table.table_arn)
        let_publish(announce_changes, bus, source=SOURCE)
        let_publish(look_up_order, bus, source=SOURCE)

        CfnOutput(self, "ApiUrl", value=front_door.api.api_endpoint)
        CfnOutput(self, "UserPoolId", value=front_door.customers.user_pool_id)
        CfnOutput(self, "UserPoolClientId", value=front_door.client.user_pool_client_id)
        CfnOutput(self, "OrdersTable", value=table.table_name)
        CfnOutput(self, "LiftHoldFunction", value=lift_hold.function_name)
        CfnOutput(self, "RepairQueue", value=repair_queue.queue_url)
        CfnOutput(self, "MarkCompensationCompletedFunction", value=mark_compensation_completed.function_name)

"""The sagas of an order: their steps, and the events that start them."""

from collections.abc import Mapping, Sequence
from functools import partial

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from lambdas.contracts.event import Event
from lambdas.contracts.inventory import (
    OutOfStock,
    ReleaseStock,
    ReservationAlreadyReleased,
    ReserveStock,
)
from lambdas.contracts.orders import OrderPlaced, OrderWithdrawn
from lambdas.contracts.orders_table import CONFIRMED_SHARD
from lambdas.contracts.payments import (
    PaymentAlreadyRefunded,
    PaymentDeclined,
    RefundPayment,
    TakePayment,
)
from lambdas.contracts.shipping import (
    AddressUndeliverable,
    BookShipment,
    CancelShipment,
    ShipmentAlreadyCancelled,
    ShipmentAlreadyDispatched,
)
from stacks.constructs.alarm import alarm_on_silence
from stacks.constructs.event_rule import EventRule
from stacks.constructs.saga.model import CommandCall, SagaRecord, SagaStep
from stacks.constructs.saga.saga import Saga
from stacks.constructs.table import ServiceTable
from stacks.constructs.trust import service_for_this_account
from stacks.environments import Environment
from stacks.inventory import InventoryStack
from stacks.orders.saga_record import COLUMNS, FULFILMENT_STATES, WITHDRAWAL_STATES
from stacks.payments import PaymentsStack
from stacks.shipping import ShippingStack

READ_VERSIONS: Mapping[type[Event], Sequence[int]] = {OrderPlaced: (1,), OrderWithdrawn: (1,)}
"""The versions from which each saga starts. A new one belongs here once the fields that the saga's
commands take are the same in it; it is read one release before it is published.
"""


def saga_steps(
    inventory: InventoryStack, payments: PaymentsStack, shipping: ShippingStack
) -> list[SagaStep]:
    """Return the steps of both sagas: reserve the stock, take the payment, book the shipment."""
    return [
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


def declare_sagas(
    scope: Construct,
    *,
    env: Environment,
    table: ServiceTable,
    steps: list[SagaStep],
    repair_queue: sqs.IQueue,
    bus: events.IEventBus,
    alarms: sns.ITopic,
) -> None:
    """Declare the fulfilment and the withdrawal saga, each with the rule that starts it."""
    detail = events.RuleTargetInput.from_event_path("$.detail")
    for id, states, event in (
        ("Fulfilment", FULFILMENT_STATES, OrderPlaced),
        ("Withdrawal", WITHDRAWAL_STATES, OrderWithdrawn),
    ):
        saga = Saga(
            scope,
            id,
            env=env,
            record=SagaRecord(
                table=table,
                columns=COLUMNS,
                completed_check=int(env.dispatch_within.to_seconds()),
                completed_shard=CONFIRMED_SHARD,
                **states,
            ),
            steps=steps,
            versions=READ_VERSIONS[event],
            repair_queue=repair_queue,
            alarms=alarms,
        )
        if env.order_expected_within and event is OrderPlaced:
            within = env.order_expected_within
            alarm_on_silence(
                scope,
                "NoOrders",
                alarm_description=f"{id}: no order for {within.to_human_string()}",
                metric=saga.machine.metric_started(period=within, statistic="Sum"),
                command="smoke",
                alarms=alarms,
            )
        starter = iam.Role(
            saga.machine,
            "EventsRole",
            assumed_by=service_for_this_account(scope, "events.amazonaws.com"),
        )
        EventRule(
            scope,
            f"Start{id}",
            bus=bus,
            event=event,
            versions=READ_VERSIONS[event],
            target=partial(
                targets.SfnStateMachine, machine=saga.machine, input=detail, role=starter
            ),
            alarms=alarms,
        )

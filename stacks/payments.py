"""Payments: a double-entry ledger on Aurora DSQL."""

from functools import partial

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.orders import STATUS_EVENTS
from lambdas.contracts.payments import ORDER_EVENTS, ChargeUnresolved
from stacks.constructs.event_handler import HANDLER_HAS_DESTINATION, EventHandler
from stacks.constructs.function import ServiceFunction
from stacks.constructs.grants import grant, grant_publish
from stacks.constructs.schedule import SCHEDULE_HAS_DESTINATION, Schedule
from stacks.constructs.sql_database import Migrations, SqlDatabase
from stacks.environments import Environment


class PaymentsStack(Stack):
    """Takes and refunds payments. Its functions connect with the least database privileges."""

    def __init__(
        self,
        scope: Construct,
        *,
        env: Environment,
        bus: events.IEventBus,
        alarms: sns.ITopic,
        schedules: scheduler.IScheduleGroup,
        card_provider: lambda_.IFunction,
    ) -> None:
        super().__init__(scope, env.stack_name("Payments"))

        # State
        ledger = SqlDatabase(self, "Ledger", env=env)

        # Functions
        function = partial(ServiceFunction, self, env=env, layers=[ledger.driver])
        settings = {
            "DATABASE_ENDPOINT": ledger.cluster.attr_endpoint,
            "DATABASE_ROLE": "payments",
            "EVENT_BUS": bus.event_bus_name,
        }
        charging = partial(
            function,
            settings={**settings, "CARD_PROVIDER_FUNCTION": card_provider.function_name},
            timeout=Duration.seconds(7),
        )
        self.take_payment = charging(id="TakePayment", handler="payments.take_payment")
        self.refund_payment = charging(id="RefundPayment", handler="payments.refund_payment")
        publish_outbox = function(
            id="PublishOutbox",
            handler="payments.publish_outbox",
            settings=settings,
            timeout=Duration.seconds(50),
            no_dlq_reason=SCHEDULE_HAS_DESTINATION,
        )
        reconcile_charge = charging(
            id="ReconcileCharge",
            handler="payments.reconcile_charge",
            no_dlq_reason=HANDLER_HAS_DESTINATION,
        )
        query_stale_charges = function(
            id="QueryStaleCharges",
            handler="payments.query_stale_charges",
            settings={**settings, "STALE_AFTER_SECONDS": str(env.unresolved_after.to_seconds())},
            timeout=Duration.seconds(50),
            no_dlq_reason=SCHEDULE_HAS_DESTINATION,
        )

        # Flow: posted entries are published, and charges of undone orders are refunded
        Schedule(
            self,
            function=publish_outbox,
            every=Duration.minutes(1),
            group=schedules,
            alarms=alarms,
        )
        Schedule(
            self,
            function=query_stale_charges,
            every=Duration.minutes(15),
            group=schedules,
            alarms=alarms,
        )
        EventHandler(
            self,
            bus=bus,
            event=STATUS_EVENTS,
            function=reconcile_charge,
            alarms=alarms,
        )

        # Grants
        provider_callers = [self.take_payment, self.refund_payment, reconcile_charge]
        for caller in provider_callers:
            grant(caller, "lambda:InvokeFunction", on=card_provider.function_arn)
        outbox_users = [*provider_callers, publish_outbox]
        for publisher in outbox_users:
            grant_publish(publisher, bus, published=ORDER_EVENTS)
        grant_publish(query_stale_charges, bus, published=[ChargeUnresolved])
        ledger_users = [*outbox_users, query_stale_charges]
        for user in ledger_users:
            ledger.grant_connect(user)
        Migrations(
            self,
            "Migrations",
            env=env,
            database=ledger,
            service="payments",
            database_role="payments",
            functions=ledger_users,
        )

        CfnOutput(self, "LedgerEndpoint", value=ledger.cluster.attr_endpoint)

"""Payments: a double-entry ledger on Aurora DSQL."""

from functools import partial

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.orders import STATUS_EVENTS
from lambdas.contracts.payments import SOURCE
from stacks.components.function import ServiceFunction
from stacks.components.grants import allow, let_publish
from stacks.components.reaction import NO_DEAD_LETTERS as NO_LOST_EVENTS
from stacks.components.reaction import Reaction
from stacks.components.schedule import NO_DEAD_LETTERS, Schedule
from stacks.components.sql_database import Migrations, SqlDatabase
from stacks.environments import Environment


class PaymentsStack(Stack):
    """Takes and refunds payments; who may, connects as a database role that may do just that."""

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
        super().__init__(scope, env.stack("Payments"))

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
        self.take_payment = charging(id="TakePayment", verb="payments.take_payment")
        self.refund_payment = charging(id="RefundPayment", verb="payments.refund_payment")
        publish_outbox = function(
            id="PublishOutbox",
            verb="payments.publish_outbox",
            settings=settings,
            timeout=Duration.seconds(50),
            no_dead_letters=NO_DEAD_LETTERS,
        )
        reconcile_charge = charging(
            id="ReconcileCharge", verb="payments.reconcile_charge", no_dead_letters=NO_LOST_EVENTS
        )
        query_stale_charges = function(
            id="QueryStaleCharges",
            verb="payments.query_stale_charges",
            settings={**settings, "STALE_AFTER_SECONDS": str(env.quiet.to_seconds())},
            timeout=Duration.seconds(50),
            no_dead_letters=NO_DEAD_LETTERS,
        )

        # Flow: what was posted is told, and what an order that is over left behind is given back
        Schedule(
            self,
            "PublishOutboxOften",
            function=publish_outbox,
            every=Duration.minutes(1),
            group=schedules,
            alarms=alarms,
        )
        Schedule(
            self,
            "QueryStaleChargesOften",
            function=query_stale_charges,
            every=Duration.minutes(15),
            group=schedules,
            alarms=alarms,
        )
        Reaction(self, "OnOrderStatus", bus=bus, event=STATUS_EVENTS, function=reconcile_charge, alarms=alarms)

        # Grants
        provider_callers = [self.take_payment, self.refund_payment, reconcile_charge]
        for caller in provider_callers:
            allow(caller, "lambda:InvokeFunction", on=card_provider.function_arn)
        ledger_users = [*provider_callers, publish_outbox, query_stale_charges]
        for user in ledger_users:
            ledger.let_connect(user)
            let_publish(user, bus, source=SOURCE)
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

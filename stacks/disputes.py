"""Disputes: the part of payments that receives the card company's reports, if configured."""

from functools import partial

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.partner import DISPUTE_OPENED
from lambdas.contracts.payments import PaymentDisputed
from stacks.constructs.event_handler import HANDLER_HAS_DESTINATION
from stacks.constructs.event_rule import AwsEventRule, LogGroupTarget
from stacks.constructs.failed_invocations import dead_letter_failures
from stacks.constructs.function import ServiceFunction
from stacks.constructs.grants import grant_publish
from stacks.environments import Environment


class DisputesStack(Stack):
    """The card company's partner event bus, its log, and the function that publishes disputes.

    The function is in the package ``payments``. It has a stack of its own because only environments
    with a partner event source have it. A partner event bus has the name of its source, and only
    the partner can put events on it.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-saas.html
    """

    def __init__(
        self,
        scope: Construct,
        *,
        env: Environment,
        source: str,
        bus: events.IEventBus,
        alarms: sns.ITopic,
    ) -> None:
        super().__init__(scope, env.stack_name("Disputes"))

        # State
        partner_bus = events.EventBus(self, "Bus", event_source_name=source)
        log_group = logs.LogGroup(
            self,
            "Log",
            log_group_name="/aws/events/" + "-".join(filter(None, ("partner", env.suffix))),
            retention=env.log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )

        # Functions
        ingest_dispute = ServiceFunction(
            self,
            "IngestDispute",
            env=env,
            handler="payments.ingest_dispute",
            settings={"EVENT_BUS": bus.event_bus_name},
            no_dlq_reason=HANDLER_HAS_DESTINATION,
        )

        # Flow: every event is logged, and disputes are published as events of payments
        rule = partial(AwsEventRule, self, bus=partner_bus, source=source, alarms=alarms)
        rule(id="LogAll", detail_types=[], target=partial(LogGroupTarget, log_group))
        rule(
            id="OnDispute",
            detail_types=[DISPUTE_OPENED],
            target=partial(targets.LambdaFunction, ingest_dispute),
        )
        dead_letters = dead_letter_failures(
            ingest_dispute, contents="malformed or failed disputes", alarms=alarms
        )
        ingest_dispute.add_environment("DEAD_LETTER_QUEUE_URL", dead_letters.queue_url)

        # Grants
        grant_publish(ingest_dispute, bus, published=[PaymentDisputed])

        CfnOutput(self, "PartnerBus", value=partner_bus.event_bus_name)
        CfnOutput(self, "PartnerLogGroup", value=log_group.log_group_name)
        CfnOutput(self, "DisputeDeadLetterQueue", value=dead_letters.queue_url)

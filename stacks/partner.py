"""Partner: what the card company tells as a SaaS partner; only where it is configured."""

from functools import partial

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.partner import DISPUTE_OPENED
from lambdas.contracts.payments import SOURCE
from stacks.components.event_rule import AwsEventRule, LogGroupTarget
from stacks.components.function import ServiceFunction
from stacks.components.grants import let_publish
from stacks.components.queue import ParkingQueue
from stacks.components.reaction import NO_DEAD_LETTERS, let_fail
from stacks.environments import Environment


class PartnerStack(Stack):
    """The partner's bus, a log of all that comes on it, and a way for disputes to the others.

    A partner's bus bears its event source's name, and nobody but the partner puts events on it.
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
        super().__init__(scope, env.stack("Partner"))

        # State
        partner_bus = events.EventBus(self, "Bus", event_source_name=source)
        log_group = logs.LogGroup(
            self,
            "Log",
            log_group_name="/aws/events/" + "-".join(filter(None, ("partner", env.suffix))),
            retention=env.log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        dead_letters = ParkingQueue(self, "Disputes", holds="disputes not published", alarms=alarms)

        # Functions
        ingest_dispute = ServiceFunction(
            self,
            "IngestDispute",
            env=env,
            verb="payments.ingest_dispute",
            settings={"EVENT_BUS": bus.event_bus_name, "DEAD_LETTER_QUEUE_URL": dead_letters.queue_url},
            no_dead_letters=NO_DEAD_LETTERS,
        )

        # Flow: all is logged, and disputes are told as payments' own
        rule = partial(AwsEventRule, self, bus=partner_bus, source=source, alarms=alarms)
        rule(id="LogAll", detail_types=[], target=partial(LogGroupTarget, log_group))
        rule(
            id="OnDispute",
            detail_types=[DISPUTE_OPENED],
            target=partial(targets.LambdaFunction, ingest_dispute),
        )
        let_fail(ingest_dispute, into=dead_letters)

        # Grants
        let_publish(ingest_dispute, bus, source=SOURCE)

        CfnOutput(self, "PartnerBus", value=partner_bus.event_bus_name)
        CfnOutput(self, "PartnerLogGroup", value=log_group.log_group_name)
        CfnOutput(self, "ParkedDisputes", value=dead_letters.queue_url)

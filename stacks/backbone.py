"""Backbone: where services meet. Owned by nobody's domain."""

from functools import partial

from aws_cdk import ArnFormat, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.event import DESTINATION_SOURCE
from lambdas.contracts.order_stream import ORDER_STREAM_EVENTS
from lambdas.contracts.orders import SOURCE
from stacks.constructs.event_rule import EventRule, LogGroupTarget, StreamTarget, add_target
from stacks.constructs.replays import Replays
from stacks.constructs.shard_scaler import ShardScaler
from stacks.environments import Environment

SERVICE_SOURCE_PREFIX = "com.aws."


class BackboneStack(Stack):
    """The bus, a log of what orders says on it, its archive, and the order stream, which scales."""

    def __init__(
        self,
        scope: Construct,
        *,
        env: Environment,
        alarms: sns.ITopic,
        schedules: scheduler.IScheduleGroup,
    ) -> None:
        super().__init__(scope, env.stack_name("Backbone"))

        self.bus = events.EventBus(self, "Bus", event_bus_name=f"Orders{env.suffix.capitalize()}")

        log_group = logs.LogGroup(
            self,
            "EventLog",
            log_group_name="/aws/events/" + "-".join(filter(None, ("orders", env.suffix))),
            retention=env.log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        catch_all = events.Rule(
            self,
            "CatchAll",
            event_bus=self.bus,
            rule_name=f"Orders{env.name.capitalize()}Rule",
            description="Catchall rule for development purposes",
            event_pattern=events.EventPattern(source=[SOURCE]),
        )
        add_target(
            catch_all,
            partial(LogGroupTarget, log_group),
            consumer="EventLog",
            contents="undelivered events",
            alarms=alarms,
        )
        self.grant_event_logging()

        archive = events.Archive(
            self,
            "Archive",
            source_event_bus=self.bus,
            description="Every fact, for replaying to rules that ask for replays",
            # What Lambda tells is on this bus for us to hear, whatever function it is of.
            event_pattern=events.EventPattern(
                source=events.Match.any_of(
                    events.Match.prefix(SERVICE_SOURCE_PREFIX),
                    events.Match.exact_string(DESTINATION_SOURCE),
                )
            ),
            retention=env.archive_retention,
        )
        archive.apply_removal_policy(env.removal_policy)
        Replays(
            self,
            "Replays",
            bus=self.bus,
            archive=archive,
            event_types=ORDER_STREAM_EVENTS,
            alarms=alarms,
        )

        self.order_stream = kinesis.Stream(
            self,
            "OrderStream",
            stream_mode=kinesis.StreamMode.PROVISIONED
            if env.shards
            else kinesis.StreamMode.ON_DEMAND,
            shard_count=env.shards[0] if env.shards else None,
            # Whoever reads it may stand still for a long weekend. Between a day and this, AWS
            # bills the same: https://aws.amazon.com/kinesis/data-streams/pricing/
            retention_period=Duration.days(7),
            encryption=kinesis.StreamEncryption.MANAGED,
            removal_policy=env.removal_policy,
        )
        if env.shards:
            scaler = ShardScaler(
                self,
                "Scaler",
                env=env,
                stream=self.order_stream,
                schedules=schedules,
                alarms=alarms,
            )
            CfnOutput(self, "ScaleStreamFunction", value=scaler.function.function_name)
        for id, label, via_destination, subject in (
            ("ToOrderStream", "order events", False, "$.detail.metadata.subject"),
            (
                "DestinationEventsToStream",
                "order events from Lambda destinations",
                True,
                "$.detail.responsePayload.metadata.subject",
            ),
        ):
            EventRule(
                self,
                id,
                bus=self.bus,
                event=[
                    event
                    for event in ORDER_STREAM_EVENTS
                    if event.via_destination is via_destination
                ],
                label=label,
                target=partial(StreamTarget, self.order_stream, partition_key_path=subject),
                alarms=alarms,
            )

        CfnOutput(self, "OrderStreamName", value=self.order_stream.stream_name)
        CfnOutput(self, "EventBus", value=self.bus.event_bus_name)
        CfnOutput(self, "EventLogGroup", value=log_group.log_group_name)

    def grant_event_logging(self) -> None:
        """One Logs resource policy for all groups that rules write to: a region holds only ten.

        https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-cloudwatchlogs-permissions
        """
        groups = self._arn("logs", "log-group", "/aws/events/*", ArnFormat.COLON_RESOURCE_NAME)
        rules = self._arn("events", "rule", "*", ArnFormat.SLASH_RESOURCE_NAME)
        writers = [
            iam.ServicePrincipal("events.amazonaws.com"),
            iam.ServicePrincipal("delivery.logs.amazonaws.com"),
        ]
        logs.ResourcePolicy(
            self,
            "EventLogPolicy",
            policy_statements=[
                iam.PolicyStatement(
                    principals=writers,
                    actions=["logs:CreateLogStream"],
                    resources=[f"{groups}:*"],
                ),
                iam.PolicyStatement(
                    principals=writers,
                    actions=["logs:PutLogEvents"],
                    resources=[f"{groups}:*:*"],
                    conditions={"ArnLike": {"aws:SourceArn": rules}},
                ),
            ],
        )

    def _arn(self, service: str, resource: str, name: str, form: ArnFormat) -> str:
        return self.format_arn(
            service=service, resource=resource, resource_name=name, arn_format=form
        )

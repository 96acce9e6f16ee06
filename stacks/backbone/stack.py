"""Backbone: the infrastructure that all services share and no service owns."""

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.event import DESTINATION_SOURCE
from lambdas.contracts.order_stream import ORDER_STREAM_EVENTS
from stacks.backbone.event_log import declare_event_log
from stacks.backbone.order_stream import declare_order_stream
from stacks.constructs.replays import Replays
from stacks.environments import Environment

SERVICE_SOURCE_PREFIX = "com.aws."


class BackboneStack(Stack):
    """The bus, the log of orders' events, the archive, and the order stream with its scaler."""

    def __init__(
        self,
        scope: Construct,
        *,
        env: Environment,
        alarms: sns.ITopic,
        schedules: scheduler.IScheduleGroup,
    ) -> None:
        super().__init__(scope, env.stack_name("Backbone"))

        name = f"Orders{env.suffix.capitalize()}"
        self.bus = events.EventBus(self, "Bus", event_bus_name=name)
        event_log = declare_event_log(self, env=env, bus=self.bus, alarms=alarms)

        # Archive
        archive = events.Archive(
            self,
            "Archive",
            source_event_bus=self.bus,
            archive_name=name,
            description="All events of services, for replays",
            # Events of Lambda destinations have their own source.
            event_pattern=events.EventPattern(
                source=events.Match.any_of(
                    events.Match.prefix(SERVICE_SOURCE_PREFIX),
                    events.Match.exact_string(DESTINATION_SOURCE),
                )
            ),
            retention=env.archive_retention,
        )
        # EventBridge refuses to delete a bus with an archive, so both stay or neither. Their fixed
        # names let the next deployment import both.
        for kept in (self.bus, archive):
            kept.apply_removal_policy(env.removal_policy_unprotected)
        Replays(
            self,
            "Replays",
            bus=self.bus,
            archive=archive,
            event_types=ORDER_STREAM_EVENTS,
            alarms=alarms,
        )

        self.order_stream = declare_order_stream(
            self, env=env, bus=self.bus, schedules=schedules, alarms=alarms
        )

        CfnOutput(self, "OrderStreamName", value=self.order_stream.stream_name)
        CfnOutput(self, "EventBus", value=self.bus.event_bus_name)
        CfnOutput(self, "EventLogGroup", value=event_log.log_group_name)

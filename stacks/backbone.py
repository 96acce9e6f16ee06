"""Backbone: what all services share, and no domain owns."""

from functools import partial

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.event import DESTINATION_SOURCE
from lambdas.contracts.order_stream import ORDER_STREAM_EVENTS
from lambdas.contracts.orders import SOURCE
from stacks.constructs.event_log_policy import EventLogPolicy
from stacks.constructs.event_rule import EventRule, LogGroupTarget, StreamTarget, add_target
from stacks.constructs.event_stream import EventStream
from stacks.constructs.replays import Replays
from stacks.constructs.shard_scaler import ShardScaler
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

        # Bus
        self.bus = events.EventBus(self, "Bus", event_bus_name=f"Orders{env.suffix.capitalize()}")

        # Log
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
        EventLogPolicy(self, "EventLogPolicy")

        # Archive
        archive = events.Archive(
            self,
            "Archive",
            source_event_bus=self.bus,
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
        archive.apply_removal_policy(env.removal_policy)
        Replays(
            self,
            "Replays",
            bus=self.bus,
            archive=archive,
            event_types=ORDER_STREAM_EVENTS,
            alarms=alarms,
        )

        # Order stream
        self.order_stream = EventStream(self, "OrderStream", env=env)
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

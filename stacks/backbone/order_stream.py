"""The order stream: its shards, their scaler, and the rules that fill the stream."""

from functools import partial

from aws_cdk import CfnOutput
from aws_cdk import aws_events as events
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.order_stream import ORDER_STREAM_EVENTS
from stacks.constructs.event_rule import EventRule, StreamTarget
from stacks.constructs.event_stream import EventStream
from stacks.constructs.shard_scaler import ShardScaler
from stacks.environments import Environment


def declare_order_stream(
    scope: Construct,
    *,
    env: Environment,
    bus: events.IEventBus,
    schedules: scheduler.IScheduleGroup,
    alarms: sns.ITopic,
) -> EventStream:
    """Declare the stream, partitioned by order; return it.

    There are two rules, because events of Lambda destinations have the order's id in another field.
    If the environment sets no number of shards, AWS scales the stream.
    """
    stream = EventStream(scope, "OrderStream", env=env)
    if env.shards:
        scaler = ShardScaler(
            scope, "Scaler", env=env, stream=stream, schedules=schedules, alarms=alarms
        )
        CfnOutput(scope, "ScaleStreamFunction", value=scaler.function.function_name)
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
            scope,
            id,
            bus=bus,
            event=[
                event for event in ORDER_STREAM_EVENTS if event.via_destination is via_destination
            ],
            label=label,
            target=partial(StreamTarget, stream, partition_key_path=subject),
            alarms=alarms,
        )
    return stream

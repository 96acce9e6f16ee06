"""The log of the order service's events, and the catch-all rule that fills it."""

from functools import partial

from aws_cdk import RemovalPolicy
from aws_cdk import aws_events as events
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.orders import SOURCE
from stacks.constructs.event_log_policy import EventLogPolicy
from stacks.constructs.event_rule import LogGroupTarget, add_target
from stacks.environments import Environment


def declare_event_log(
    scope: Construct, *, env: Environment, bus: events.IEventBus, alarms: sns.ITopic
) -> logs.LogGroup:
    """Declare the log group and the rule; return the log group.

    The rule's pattern is the bare source, so it matches replayed events too.
    """
    log_group = logs.LogGroup(
        scope,
        "EventLog",
        log_group_name="/aws/events/" + "-".join(filter(None, ("orders", env.suffix))),
        retention=env.log_retention,
        removal_policy=RemovalPolicy.DESTROY,
    )
    catch_all = events.Rule(
        scope,
        "CatchAll",
        event_bus=bus,
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
    EventLogPolicy(scope, "EventLogPolicy")
    return log_group

"""AWS's own events about workers: instance states go to a log, a group's launches to operators."""

from functools import partial

from aws_cdk import RemovalPolicy
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.constructs.event_rule import AwsEventRule, LogGroupTarget
from stacks.environments import Environment

INSTANCE_STATES = ("running", "stopping", "stopped", "terminated")
SCALING_EVENTS = (
    "EC2 Instance Launch Successful",
    "EC2 Instance Launch Unsuccessful",
    "EC2 Instance Terminate Successful",
    "EC2 Instance Terminate Unsuccessful",
)


def log_instance_states(scope: Construct, *, env: Environment, alarms: sns.ITopic) -> logs.LogGroup:
    """Declare the rule and the log group; return the log group.

    An event of EC2 has only an instance id, so the log has the state changes of all instances, and
    one stack of an environment declares it.
    """
    instance_log = logs.LogGroup(
        scope,
        "InstanceLog",
        log_group_name="/aws/events/" + "-".join(filter(None, ("instances", env.suffix))),
        retention=env.log_retention,
        removal_policy=RemovalPolicy.DESTROY,
    )
    AwsEventRule(
        scope,
        "LogInstances",
        source="aws.ec2",
        detail_types=["EC2 Instance State-change Notification"],
        detail={"state": INSTANCE_STATES},
        target=partial(LogGroupTarget, instance_log),
        alarms=alarms,
    )
    return instance_log


def notify_of_scaling(scope: Construct, *, group_name: str, alarms: sns.ITopic) -> None:
    """Declare the rule that sends the group's launches and terminations to ``alarms``."""
    AwsEventRule(
        scope,
        "NotifyOfWorkerScaling",
        source="aws.autoscaling",
        detail_types=SCALING_EVENTS,
        detail={"AutoScalingGroupName": [group_name]},
        target=partial(targets.SnsTopic, topic=alarms, authorize_using_role=True),
        alarms=alarms,
    )

"""A bus with a rule to targets, and a dead-letter queue for what they do not take."""

from typing import Any

from emulator.cloud import Cloud
from tests.support.deliveries import attributes, queue, queue_policy, received
from tests.support.small_stacks import Deploy, Stack, Template, get, ref

PATTERN = {"source": ["com.aws.orders"]}


def bus(name: str = "Bus") -> Template:
    return {
        "Type": "AWS::Events::EventBus",
        "Properties": {"Name": {"Fn::Sub": f"${{AWS::StackName}}-{name}"}},
    }


def rule(*targets: Template, on: str = "Bus", **properties: Any) -> Template:
    given = [{"Id": f"target-{index}", **target} for index, target in enumerate(targets)]
    return {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "EventBusName": ref(on),
            "EventPattern": PATTERN,
            "Targets": given,
            **properties,
        },
    }


DEAD = {"DeadLetterConfig": {"Arn": get("Dead")}}


def to(deploy: Deploy, *targets: Template, resources: Template, **outputs: Any) -> Stack:
    """A bus with a rule to these targets, a dead-letter queue `Dead`, and these resources."""
    return deploy(
        {
            "Bus": bus(),
            "Rule": rule(*targets),
            "Dead": queue(),
            "DeadPolicy": queue_policy("events", "Dead"),
            **resources,
        },
        Bus=ref("Bus"),
        Rule=get("Rule"),
        Dead=ref("Dead"),
        **outputs,
    )


def refused_for_lack_of_rights(cloud: Cloud, stack: Stack) -> dict[str, str]:
    """The attributes of the only dead letter, which says that a right was missing."""
    (dead_letter,) = received(cloud, stack.outputs["Dead"])
    said = attributes(dead_letter)
    assert said["ERROR_CODE"] == "NO_PERMISSIONS"
    return said


def topic_policy(service: str) -> Template:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": "*",
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {
        "Type": "AWS::SNS::TopicPolicy",
        "Properties": {"Topics": [ref("Topic")], "PolicyDocument": document},
    }

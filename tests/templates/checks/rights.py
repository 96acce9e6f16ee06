"""What roles and resource policies allow."""

import json
from collections.abc import Iterator
from typing import Any

from tests.templates.checks.common import as_list, assumed_by, check, permissions, statements
from tests.templates.kinds import PERMISSION, QUEUE_POLICY, ROLE, TOPIC_POLICY
from tests.templates.synthesis import Platform

WILDCARDS = {
    # https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html
    "ec2.amazonaws.com": {
        "ssm:UpdateInstanceInformation",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    },
    "lambda.amazonaws.com": {
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/permissions-reference-cw.html
        "cloudwatch:GetMetricData",
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
        "sqs:ListQueues",
    },
    # https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html#cloudwatch-iam-policy
    "states.amazonaws.com": {
        "logs:CreateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:UpdateLogDelivery",
    },
}
"""Actions without resource-level permissions, by the service that assumes the role."""

A_GROUP = "autoScalingGroup:*:autoScalingGroupName/"
"""A group's ARN holds an id that is not known before the group exists; only its name is."""

OBJECTS = (
    # Lambda's own names: https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    "/aws/lambda/*",
    "/invoices/*",
)
"""Key patterns of objects whose names are not known at deployment."""


@check
def no_role_has_managed_policies(platform: Platform) -> Iterator[str]:
    for role in platform.all(ROLE):
        if role.properties.get("ManagedPolicyArns"):
            yield f"{role}: {role.properties['ManagedPolicyArns']} grant more than it needs"


@check
def permissions_have_no_wildcards(platform: Platform) -> Iterator[str]:
    for role, statement in permissions(platform):
        actions = set(as_list(statement["Action"]))
        if any("*" in action for action in actions):
            yield f"{role}: it may {', '.join(sorted(actions))}"
        resource = json.dumps(statement["Resource"])
        if actions <= {"s3:PutObject", "s3:GetObject"}:
            for objects in OBJECTS:
                resource = resource.replace(objects, "")
        if actions == {"sqs:GetQueueAttributes"}:
            resource = resource.replace(f':{platform.environment.stack_name("")}*"', "")
        wild = "*" in resource.replace(A_GROUP, "")
        excess = actions - WILDCARDS.get(assumed_by(role), set())
        if wild and (excess or statement["Resource"] != "*"):
            yield f"{role}: it may {', '.join(sorted(excess))} on {statement['Resource']}"
    for role in platform.all(ROLE):
        if role.properties.get("Policies"):
            yield f"{role}: an inline policy escapes these checks"


@check
def database_is_used_only_by_its_service(platform: Platform) -> Iterator[str]:
    for role, statement in permissions(platform):
        services = {action.partition(":")[0] for action in as_list(statement["Action"])}
        if not services & {"dynamodb", "dsql"}:
            continue
        for resource in as_list(statement["Resource"]):
            # An index is named by its table's ARN and a path.
            match resource:
                case {"Fn::Join": ["", [table, str(path)]]} if path.startswith("/index/"):
                    resource = table
            database = platform.referred(role.stack, resource)
            if database is None or database.stack != role.stack:
                yield f"{role}: it may use the database of another service, {resource}"


@check
def resource_policy_has_source_condition(platform: Platform) -> Iterator[str]:
    """Without a condition on the source, an AWS service acts for any account: a confused deputy.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    for policy in platform.all(QUEUE_POLICY, TOPIC_POLICY):
        for statement in statements(policy):
            if statement["Effect"] == "Allow" and not _has_source_condition(statement):
                yield f"{policy}: {statement['Principal']} may {statement['Action']} for anybody"
    for permission in platform.all(PERMISSION):
        if not {"SourceArn", "SourceAccount"} & permission.properties.keys():
            yield f"{permission}: {permission.properties['Principal']} may invoke for anybody"


def _has_source_condition(statement: Any) -> bool:
    keys = {key for test in statement.get("Condition", {}).values() for key in test}
    return bool(keys & {"aws:SourceArn", "aws:SourceAccount"})

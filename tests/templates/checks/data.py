"""What holds data, and physical names."""

import re
from collections.abc import Iterator

from tests.templates.checks.common import check, is_catch_all, statements
from tests.templates.kinds import (
    ARCHIVE,
    BUCKET,
    BUCKET_POLICY,
    BUS,
    DSQL,
    LOG_GROUP,
    QUEUE,
    RULE,
    STREAM,
    TABLE,
    USER_POOL,
)
from tests.templates.synthesis import Platform, Resource

NO_PHYSICAL_NAME = {
    # Instances use these names when they complete the lifecycle action.
    ("AWS::AutoScaling::AutoScalingGroup", "AutoScalingGroupName"),
    ("AWS::AutoScaling::LifecycleHook", "AutoScalingGroupName"),
    ("AWS::AutoScaling::LifecycleHook", "LifecycleHookName"),
    ("AWS::AutoScaling::ScalingPolicy", "AutoScalingGroupName"),
    ("AWS::EC2::VPCEndpoint", "ServiceName"),
    ("AWS::ApiGatewayV2::Api", "Name"),
    ("AWS::ApiGatewayV2::ApiMapping", "DomainName"),
    ("AWS::ApiGatewayV2::Authorizer", "Name"),
    # The owner's own, of their DNS.
    ("AWS::ApiGatewayV2::DomainName", "DomainName"),
    ("AWS::ApiGatewayV2::Stage", "StageName"),
    ("AWS::CloudWatch::Alarm", "MetricName"),
    # The name is required.
    ("AWS::Cognito::UserPoolResourceServer", "Name"),
    ("AWS::Events::Rule", "EventBusName"),
    ("AWS::IAM::Policy", "PolicyName"),
    # The name is required; it is made of the stack's and the projection's.
    ("AWS::Kinesis::StreamConsumer", "ConsumerName"),
    ("AWS::Lambda::EventInvokeConfig", "FunctionName"),
    ("AWS::Lambda::EventSourceMapping", "FunctionName"),
    ("AWS::Lambda::Permission", "FunctionName"),
    ("AWS::Logs::ResourcePolicy", "PolicyName"),
    ("AWS::SNS::Topic", "DisplayName"),
    # The CDK's, made of the stack's name: a FIFO topic's has to end in .fifo.
    ("AWS::SNS::Topic", "TopicName"),
    ("AWS::Scheduler::Schedule", "GroupName"),
    ("AWS::Scheduler::ScheduleGroup", "Name"),
    ("AWS::Logs::QueryDefinition", "Name"),
}
"""Properties ``…Name`` that are labels, refer to another resource, or are required."""


@check
def bucket_is_private_and_expires(platform: Platform) -> Iterator[str]:
    for bucket in platform.all(BUCKET):
        given = bucket.properties
        blocked = given.get("PublicAccessBlockConfiguration", {})
        if list(blocked.values()) != [True] * 4:
            yield f"{bucket}: public access is not blocked"
        if not given.get("BucketEncryption"):
            yield f"{bucket}: its encryption is left to the default"
        days = [
            rule.get("ExpirationInDays")
            for rule in given.get("LifecycleConfiguration", {}).get("Rules", [])
            if rule.get("Status") == "Enabled"
        ]
        if not all(days) or not days:
            yield f"{bucket}: its objects never expire"
        denials = [
            statement
            for policy in platform.all(BUCKET_POLICY)
            if policy.stack == bucket.stack and policy.properties["Bucket"] == {"Ref": bucket.id}
            for statement in statements(policy)
            if statement["Effect"] == "Deny"
            and statement["Action"] == "s3:*"
            and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        ]
        if not denials:
            yield f"{bucket}: it can be reached without TLS"


PROTECTED, UNPROTECTED = (TABLE, DSQL, USER_POOL), (STREAM, BUCKET, BUS, ARCHIVE, QUEUE)
"""What holds data: it can be protected against deletion, or only be kept."""


def holds_data(resource: Resource) -> bool:
    """Return whether it does; a partner's bus belongs to the partner."""
    partners = "EventSourceName" in resource.properties
    return resource.kind in (*PROTECTED, *UNPROTECTED) and not partners


@check
def data_is_retained_only_in_prod(platform: Platform) -> Iterator[str]:
    keep = platform.environment.name == "prod"
    for resource in filter(holds_data, platform.all()):
        if resource.kind in UNPROTECTED:
            protections = []
        elif resource.kind == TABLE:
            replicas = resource.properties["Replicas"]
            protections = [replica.get("DeletionProtectionEnabled") for replica in replicas]
        elif resource.kind == DSQL:
            protections = [resource.properties["DeletionProtectionEnabled"]]
        else:
            protections = [resource.properties["DeletionProtection"] == "ACTIVE"]
        if protections != [keep] * len(protections):
            yield f"{resource}: its deletion protection is {protections}"
        # What is protected could not be deleted in a rollback.
        kept = "RetainExceptOnCreate" if resource.kind in UNPROTECTED else "Retain"
        expected = (kept, "Retain") if keep else ("Delete", "Delete")
        for name, policy in zip(("DeletionPolicy", "UpdateReplacePolicy"), expected, strict=True):
            if resource.declaration.get(name) != policy:
                yield f"{resource}: its {name} is {resource.declaration.get(name)}"


@check
def only_data_is_retained(platform: Platform) -> Iterator[str]:
    """A retained resource with a physical name must be imported by the next deployment."""
    for resource in platform.all():
        policy = resource.declaration.get("DeletionPolicy", "Delete")
        if not holds_data(resource) and policy != "Delete":
            yield f"{resource}: it holds no data, but is retained"


@check
def table_has_point_in_time_recovery(platform: Platform) -> Iterator[str]:
    for table in platform.all(TABLE):
        for replica in table.properties["Replicas"]:
            recovery = replica.get("PointInTimeRecoverySpecification", {})
            if recovery.get("PointInTimeRecoveryEnabled") is not True:
                yield f"{table}: it has no point-in-time recovery"


@check
def physical_names_are_contracts(platform: Platform) -> Iterator[str]:
    for resource in platform.all():
        for name, value in resource.properties.items():
            if not name.endswith("Name") or (resource.kind, name) in NO_PHYSICAL_NAME:
                continue
            if resource.kind in (BUS, ARCHIVE):
                continue
            if resource.kind == RULE and is_catch_all(resource, platform):
                continue
            if resource.kind == LOG_GROUP and re.match(r"/aws/(events|vendedlogs)/", str(value)):
                continue
            yield f"{resource}: {name} {value!r} is not a contract"

"""The platform as it is deployed equals its templates, and each change of it is found and named."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from emulator import deploy as deployment
from emulator.cloud import Cloud
from emulator.template_check import Template, find_differences
from tests.support.small_stacks import client
from tests.support.template_differences import held_after_all
from tests.templates.synthesis import synthesis


@pytest.fixture(scope="module")
def app(cloud: Cloud) -> Mapping[str, Template]:
    """The templates of the platform, once they are deployed and read back."""
    dev = synthesis("dev")
    deployment.deploy(cloud, assembly=Path(dev.folder.name), progress=lambda _: None)
    return dev.platform.templates


def test_deployed_platform_equals_its_templates_except_exemptions(
    cloud: Cloud, app: Mapping[str, Template]
) -> None:
    found = list(find_differences(cloud, app))
    assert [str(each) for each in found if not each.exemption] == []
    assert held_after_all(found) == set()


def test_changed_resource_is_found_and_named(cloud: Cloud, app: Mapping[str, Template]) -> None:
    listing = client(cloud, "cloudformation").get_paginator("list_stack_resources")
    pages = [page for stack in app for page in listing.paginate(StackName=stack)]
    at = {
        each["ResourceType"]: each["PhysicalResourceId"]
        for page in pages
        for each in page["StackResourceSummaries"]
    }

    def ask(service: str, operation: str, **arguments: Any) -> Any:
        return getattr(client(cloud, service), operation)(**arguments)

    table, bus = (at[f"AWS::{kind}"] for kind in ("DynamoDB::GlobalTable", "Events::EventBus"))
    rule = ask("events", "list_rules", EventBusName=bus)["Rules"][0]["Name"]
    (target,) = ask("events", "list_targets_by_rule", Rule=rule, EventBusName=bus)["Targets"]
    alarms = ask("cloudwatch", "describe_alarms")["MetricAlarms"]
    alarm = next(each for each in alarms if each.get("Dimensions"))
    kept = ("AlarmName", "MetricName", "Namespace", "Period", "EvaluationPeriods", "Statistic")
    alarm = {key: alarm[key] for key in kept}
    role = at["AWS::IAM::Role"]
    (policy,) = ask("iam", "list_role_policies", RoleName=role)["PolicyNames"]
    outbox = next(
        each
        for each in ask("lambda", "list_event_source_mappings")["EventSourceMappings"]
        if "StartingPosition" in each
    )
    (topic,) = (
        each["TopicArn"]
        for each in ask("sns", "list_topics")["Topics"]
        if "Operations" in each["TopicArn"]
    )
    (profile,) = ask("iam", "list_instance_profiles")["InstanceProfiles"]
    schedule = {
        "GroupName": at["AWS::Scheduler::ScheduleGroup"],
        "Name": at["AWS::Scheduler::Schedule"],
    }
    planned = ask("scheduler", "get_schedule", **schedule)
    function = at["AWS::Lambda::Function"]
    (asynchronous,) = (
        each["PhysicalResourceId"].partition(":")[0]
        for page in pages
        for each in page["StackResourceSummaries"]
        if each["ResourceType"] == "AWS::Lambda::EventInvokeConfig"
        and each["LogicalResourceId"].startswith("JobsExpireOrders")
    )
    deny = {"Effect": "Deny", "Action": "sts:AssumeRole"}
    trust, permissions = (
        json.dumps({"Version": "2012-10-17", "Statement": [{**deny, **more}]})
        for more in ({"Principal": "*"}, {"Resource": "*"})
    )
    # More statements than any queue has: whichever it is, their number differs.
    many = json.dumps({"Version": "2012-10-17", "Statement": 9 * [{**deny, "Principal": "*"}]})
    done = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
    throttled = {"ThrottlingBurstLimit": 1, "ThrottlingRateLimit": 200}

    recovery = "PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled"

    for change, arguments in {
        "apigatewayv2 update_stage": {
            "ApiId": at["AWS::ApiGatewayV2::Api"],
            "StageName": "$default",
            "DefaultRouteSettings": throttled,
        },
        "autoscaling delete_policy": {
            "AutoScalingGroupName": at["AWS::AutoScaling::AutoScalingGroup"],
            "PolicyName": at["AWS::AutoScaling::ScalingPolicy"].rpartition("/")[2],
        },
        "autoscaling put_lifecycle_hook": {
            "AutoScalingGroupName": at["AWS::AutoScaling::AutoScalingGroup"],
            "LifecycleHookName": at["AWS::AutoScaling::LifecycleHook"],
            "HeartbeatTimeout": 7,
        },
        "autoscaling update_auto_scaling_group": {
            "AutoScalingGroupName": at["AWS::AutoScaling::AutoScalingGroup"], "MaxSize": 9,
        },
        "cloudwatch put_metric_alarm": {
            **alarm, "Threshold": 7, "ComparisonOperator": "LessThanThreshold",
        },
        "cognito-idp update_user_pool": {
            "UserPoolId": at["AWS::Cognito::UserPool"], "DeletionProtection": "ACTIVE",
        },
        "dsql update_cluster": {
            "identifier": at["AWS::DSQL::Cluster"], "deletionProtectionEnabled": True,
        },
        "dynamodb update_continuous_backups": {
            "TableName": table,
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": False},
        },
        "ec2 create_launch_template_version": {
            "LaunchTemplateId": at["AWS::EC2::LaunchTemplate"],
            "LaunchTemplateData": {"InstanceType": "t4g.small"},
        },
        "ec2 delete_route": {
            "RouteTableId": at["AWS::EC2::RouteTable"], "DestinationCidrBlock": "0.0.0.0/0",
        },
        "ec2 delete_vpc_endpoints": {"VpcEndpointIds": [at["AWS::EC2::VPCEndpoint"]]},
        "ec2 detach_internet_gateway": {
            "InternetGatewayId": at["AWS::EC2::InternetGateway"], "VpcId": at["AWS::EC2::VPC"],
        },
        "ec2 disassociate_route_table": {
            "AssociationId": at["AWS::EC2::SubnetRouteTableAssociation"],
        },
        "ec2 delete_tags": {
            "Resources": [at["AWS::EC2::InternetGateway"]], "Tags": [{"Key": "Name"}],
        },
        "ec2 modify_subnet_attribute": {
            "SubnetId": at["AWS::EC2::Subnet"], "MapPublicIpOnLaunch": {"Value": False},
        },
        "ec2 modify_vpc_attribute": {
            "VpcId": at["AWS::EC2::VPC"], "EnableDnsHostnames": {"Value": False},
        },
        "ec2 authorize_security_group_egress": {
            "GroupId": at["AWS::EC2::SecurityGroup"],
            "IpPermissions": [{
                "IpProtocol": "tcp", "FromPort": 80, "ToPort": 80,
                "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
            }],
        },
        "events put_targets": {
            "Rule": rule,
            "EventBusName": bus,
            "Targets": [target | {"RetryPolicy": {"MaximumRetryAttempts": 1}}],
        },
        "events update_archive": {"ArchiveName": at["AWS::Events::Archive"], "RetentionDays": 1},
        "iam put_role_policy": {
            "RoleName": role, "PolicyName": policy, "PolicyDocument": permissions,
        },
        "iam remove_role_from_instance_profile": {
            "InstanceProfileName": profile["InstanceProfileName"],
            "RoleName": profile["Roles"][0]["RoleName"],
        },
        "iam update_assume_role_policy": {"RoleName": role, "PolicyDocument": trust},
        "lambda put_function_event_invoke_config": {
            "FunctionName": asynchronous, "Qualifier": "$LATEST", "MaximumRetryAttempts": 2,
        },
        "lambda update_event_source_mapping": {
            "UUID": outbox["UUID"], "MaximumRetryAttempts": 3,
        },
        "lambda update_function_code": {
            "FunctionName": function, "ZipFile": b"PK\5\6" + bytes(18),
        },
        "lambda update_function_configuration": {"FunctionName": function, "MemorySize": 128},
        "logs put_retention_policy": {
            "logGroupName": at["AWS::Logs::LogGroup"], "retentionInDays": 1,
        },
        "scheduler update_schedule": {
            **schedule,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ScheduleExpression": planned["ScheduleExpression"],
            "Target": planned["Target"],
        },
        "sns set_topic_attributes": {
            "TopicArn": topic,
            "AttributeName": "DisplayName",
            "AttributeValue": "changed",
        },
        "sqs set_queue_attributes": {
            "QueueUrl": at["AWS::SQS::Queue"],
            "Attributes": {"MessageRetentionPeriod": "60", "Policy": many},
        },
        "stepfunctions update_state_machine": {
            "stateMachineArn": at["AWS::StepFunctions::StateMachine"], "definition": done,
        },
    }.items():  # fmt: skip
        ask(*change.split(), **arguments)

    found = {
        f"{each.kind.removeprefix('AWS::')} {each.path}"
        for each in find_differences(cloud, app)
        if not each.exemption
    }
    assert found == {
        "ApiGatewayV2::Stage DefaultRouteSettings.ThrottlingBurstLimit",
        "AutoScaling::AutoScalingGroup MaxSize",
        *(f"AutoScaling::LifecycleHook {name}" for name in ("DefaultResult", "HeartbeatTimeout")),
        "AutoScaling::LifecycleHook LifecycleTransition",
        "AutoScaling::ScalingPolicy ",
        *(f"CloudWatch::Alarm {name}" for name in ("AlarmActions", "AlarmDescription")),
        *(f"CloudWatch::Alarm {name}" for name in ("ComparisonOperator", "Dimensions")),
        *(f"CloudWatch::Alarm {name}" for name in ("Threshold", "TreatMissingData")),
        "Cognito::UserPool DeletionProtection",
        "DSQL::Cluster DeletionProtectionEnabled",
        f"DynamoDB::GlobalTable Replicas.0.{recovery}",
        "EC2::InternetGateway Tags",
        *(
            f"EC2::LaunchTemplate LaunchTemplateData.{name}"
            for name in (
                *("BlockDeviceMappings", "IamInstanceProfile", "ImageId", "InstanceType"),
                *("MetadataOptions", "NetworkInterfaces", "TagSpecifications", "UserData"),
            )
        ),
        "EC2::Route ",
        "EC2::SecurityGroup SecurityGroupEgress",
        "EC2::Subnet MapPublicIpOnLaunch",
        "EC2::SubnetRouteTableAssociation ",
        "EC2::VPC EnableDnsHostnames",
        "EC2::VPCEndpoint ",
        "EC2::VPCGatewayAttachment ",
        "Events::Archive RetentionDays",
        "Events::Rule Targets.0.RetryPolicy.MaximumEventAgeInSeconds",
        "Events::Rule Targets.0.RetryPolicy.MaximumRetryAttempts",
        "IAM::InstanceProfile Roles",
        "IAM::Policy PolicyDocument.Statement",
        "IAM::Role AssumeRolePolicyDocument.Statement.0.Effect",
        "IAM::Role AssumeRolePolicyDocument.Statement.0.Principal",
        "Lambda::EventInvokeConfig DestinationConfig.OnFailure.Destination",
        "Lambda::EventInvokeConfig MaximumEventAgeInSeconds",
        "Lambda::EventInvokeConfig MaximumRetryAttempts",
        "Lambda::EventSourceMapping MaximumRetryAttempts",
        "Lambda::Function Code.S3Bucket",
        "Lambda::Function Code.S3Key",
        "Lambda::Function MemorySize",
        "Logs::LogGroup RetentionInDays",
        "SNS::Topic DisplayName",
        "SQS::Queue MessageRetentionPeriod",
        "SQS::QueuePolicy PolicyDocument.Statement",
        "Scheduler::Schedule FlexibleTimeWindow.MaximumWindowInMinutes",
        "Scheduler::Schedule FlexibleTimeWindow.Mode",
        "StepFunctions::StateMachine DefinitionString",
    }

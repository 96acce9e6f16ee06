"""What the local cloud holds of a template, and how to ask its services for it.

A type's entry has the properties that are held, and how they are read back: a call or two of the
service's API, the answer put into the template's words where the API has others. Spelling is no
matter here (`emulator.template_check.find_mismatches`).
A property that says where to ask (`ApiId`) is held when
something is found there.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any

Properties = Mapping[str, Any]
Query = Callable[..., Any]
"""`ask(service, operation, **arguments)`: what the service answers, all pages of it."""
Read = Callable[[Query, str, Properties], Properties]
"""`read(ask, physical id, what was said)`: what the service says, in the template's words."""

UNSUPPORTED = {
    "AWS::AutoScaling::AutoScalingGroup.CreationPolicy": "a group launches nothing to wait for",
    "AWS::AutoScaling::AutoScalingGroup.DefaultInstanceWarmup": "a group launches nothing",
    "AWS::AutoScaling::AutoScalingGroup.MaxInstanceLifetime": "a group launches nothing",
    "AWS::AutoScaling::AutoScalingGroup.MetricsCollection": "groups have no metrics",
    "AWS::AutoScaling::AutoScalingGroup.UpdatePolicy": "a group has nothing to replace",
    "AWS::CDK::Metadata": "reports to AWS which constructs were used; there is nothing to hold",
    "AWS::EC2::LaunchTemplate.LaunchTemplateData.CreditSpecification": "nothing is launched",
    "AWS::Events::EventBus.EventSourceName": (
        "there is no partner: any principal that may put events on its bus plays it"
    ),
    "AWS::Lambda::EventSourceMapping.MetricsConfig": "mappings have no metrics in the local cloud",
    "Custom::": "a custom resource's properties are its function's arguments",
}
"""Types, and properties and attributes as `Type.Property`, or the way down to a part of one as
`Type.Property.Part`, that cannot be held, each with the reason.

A test fails when one of them is held after all, or stated nowhere: this list can only shrink.
"""


def _get(
    service: str, operation: str, *, by: str = "", of: str = "", inside: str = "", **renamed: str
) -> Read:
    """Ask one question.

    Its arguments are the physical id, under the name `by`, and the properties that `of` names. The
    answer is what is `inside`, some of it `renamed`.
    """

    def read(query: Query, physical_id: str, expected: Properties) -> Properties:
        owner = {name: expected[name] for name in of.split() if name in expected}
        # The physical id of a part may be <owner>/<part>.
        own = {by: physical_id.rpartition("/")[2] if of else physical_id} if by else {}
        answer = query(service, operation, **owner, **own)
        found = answer[inside] if inside else answer
        return owner | {renamed.get(name, name): value for name, value in found.items()}

    return read


def _listed(service: str, operation: str, *, by: str, inside: str) -> Read:
    """Find it in one list, which is asked for once for all."""
    return lambda query, physical_id, _: _one(query(service, operation)[inside], by, physical_id)


def _one(items: Iterable[Properties], key: str, value: Any) -> Properties:
    for item in items:
        if item[key] == value:
            return item
    raise LookupError(f"there is no {key} {value}")


def _agreed(answers: Iterable[Any]) -> Any:
    """Return what all of several answers say, or all of them when they do not agree."""
    several = list(answers)
    return several[0] if several and all(each == several[0] for each in several) else several


def _queue(query: Query, url: str, _expected: Properties) -> Properties:
    answer = query("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["All"])
    return {**answer["Attributes"], "QueueName": url.rpartition("/")[2]}


def _topic(query: Query, arn: str, _expected: Properties) -> Properties:
    answer = query("sns", "get_topic_attributes", TopicArn=arn)
    return {**answer["Attributes"], "TopicName": arn.rpartition(":")[2]}


def _policy(of: str, read: Read) -> Read:
    """Read the policy of several queues or topics, which must be the same."""
    return lambda query, _, expected: {
        "PolicyDocument": _agreed(read(query, each, expected)["Policy"] for each in expected[of]),
        of: expected[of],
    }


def _subscription(query: Query, arn: str, _expected: Properties) -> Properties:
    listed = query("sns", "list_subscriptions")["Subscriptions"]
    answer = query("sns", "get_subscription_attributes", SubscriptionArn=arn)
    return {**_one(listed, "SubscriptionArn", arn), **answer["Attributes"]}


def _identity(query: Query, name: str, _expected: Properties) -> Properties:
    # It is asked for by its name, and answers only when there is one.
    return {**query("sesv2", "get_email_identity", EmailIdentity=name), "EmailIdentity": name}


def _table(query: Query, name: str, _expected: Properties) -> Properties:
    table = query("dynamodb", "describe_table", TableName=name)["Table"]
    expiry = query("dynamodb", "describe_time_to_live", TableName=name)["TimeToLiveDescription"]
    backups = query("dynamodb", "describe_continuous_backups", TableName=name)
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    encryption = table.get("SSEDescription", {"Status": "DISABLED"})
    enabled = recovery["PointInTimeRecoveryStatus"] == "ENABLED"
    replica = {
        "Region": table["TableArn"].split(":")[3],
        "DeletionProtectionEnabled": table["DeletionProtectionEnabled"],
        "GlobalSecondaryIndexes": table.get("GlobalSecondaryIndexes", []),
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": enabled},
    }
    return {
        **table,
        **table.get("BillingModeSummary", {"BillingMode": "PROVISIONED"}),
        "Replicas": [replica],
        "SSESpecification": {**encryption, "SSEEnabled": encryption["Status"] == "ENABLED"},
        "TimeToLiveSpecification": {**expiry, "Enabled": expiry["TimeToLiveStatus"] == "ENABLED"},
    }


def _rule(query: Query, name: str, expected: Properties) -> Properties:
    bus = expected.get("EventBusName", "default")
    targets = query("events", "list_targets_by_rule", Rule=name, EventBusName=bus)
    return {**targets, **query("events", "describe_rule", Name=name, EventBusName=bus)}


def _roles(query: Query) -> Iterable[Any]:
    answer = query("iam", "get_account_authorization_details", Filter=["Role"])
    return list(answer["RoleDetailList"])


def _role(query: Query, name: str, _expected: Properties) -> Properties:
    role = _one(_roles(query), "RoleName", name)
    managed = [policy["PolicyArn"] for policy in role["AttachedManagedPolicies"]]
    return {**role, "ManagedPolicyArns": managed, "Policies": role["RolePolicyList"]}


def _inline_policy(query: Query, _id: str, expected: Properties) -> Properties:
    name, roles = expected["PolicyName"], expected["Roles"]
    held = {
        role["RoleName"]: policy["PolicyDocument"]
        for role in _roles(query)
        for policy in role["RolePolicyList"]
        if role["RoleName"] in roles and policy["PolicyName"] == name
    }
    return {"PolicyDocument": _agreed(held.values()), "PolicyName": name, "Roles": list(held)}


def _stream(query: Query, name: str, _expected: Properties) -> Properties:
    stream = query("kinesis", "describe_stream_summary", StreamName=name)[
        "StreamDescriptionSummary"
    ]
    own = {"Name": name, "ShardCount": stream["OpenShardCount"], "StreamEncryption": stream}
    return {**stream, **own}


def _client(query: Query, client_id: str, expected: Properties) -> Properties:
    answer = query(
        "cognito-idp",
        "describe_user_pool_client",
        UserPoolId=expected["UserPoolId"],
        ClientId=client_id,
    )["UserPoolClient"]
    return {**answer, "GenerateSecret": "ClientSecret" in answer}


def _code(query: Query, expected: Properties, digest: str) -> Properties:
    """A bundle is known by its digest: that of the object which the template names."""
    bundle = query("s3", "get_object", Bucket=expected["S3Bucket"], Key=expected["S3Key"])["Body"]
    right = b64encode(sha256(bundle).digest()).decode() == digest
    return expected if right else {"CodeSha256": digest}


def _function(query: Query, name: str, expected: Properties) -> Properties:
    answer = query("lambda", "get_function", FunctionName=name)
    configuration = answer["Configuration"]
    return {
        **configuration,
        **answer.get("Concurrency", {}),
        "Code": _code(query, expected["Code"], configuration["CodeSha256"]),
        "Layers": [layer["Arn"] for layer in configuration["Layers"]],
    }


def _layer(query: Query, arn: str, expected: Properties) -> Properties:
    answer = query("lambda", "get_layer_version_by_arn", Arn=arn)
    return {**answer, "Content": _code(query, expected["Content"], answer["Content"]["CodeSha256"])}


def _mapping(query: Query, uuid: str, _expected: Properties) -> Properties:
    answer = query("lambda", "get_event_source_mapping", UUID=uuid)
    return {**answer, "FunctionName": answer["FunctionArn"].rpartition(":")[2]}


def _permission(query: Query, sid: str, expected: Properties) -> Properties:
    policy = query("lambda", "get_policy", FunctionName=expected["FunctionName"])["Policy"]
    statement = _one(json.loads(policy)["Statement"], "Sid", sid)
    conditions = statement.get("Condition", {})
    return {
        "Action": statement["Action"],
        "FunctionName": expected["FunctionName"],
        "Principal": statement["Principal"]["Service"],
        "SourceAccount": conditions.get("StringEquals", {}).get("AWS:SourceAccount"),
        "SourceArn": conditions.get("ArnLike", {}).get("AWS:SourceArn"),
    }


def _bucket(query: Query, name: str, expected: Properties) -> Properties:
    def get(operation: str, *, when: str) -> Any:
        # Where there is nothing, S3 answers with an error.
        return query("s3", f"get_{operation}", Bucket=name) if when in expected else {}

    encryption = get("bucket_encryption", when="BucketEncryption")
    lifecycle = get("bucket_lifecycle_configuration", when="LifecycleConfiguration")
    lock = get("object_lock_configuration", when="ObjectLockConfiguration")
    return {
        **lock,
        "ObjectLockEnabled": "ObjectLockConfiguration" in lock,
        **get("public_access_block", when="PublicAccessBlockConfiguration"),
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {
                    **rule,
                    "ServerSideEncryptionByDefault": rule["ApplyServerSideEncryptionByDefault"],
                }
                for rule in encryption.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
            ]
        },
        "BucketName": name,
        "LifecycleConfiguration": {
            "Rules": [
                {
                    **rule,
                    "ExpirationInDays": rule.get("Expiration", {}).get("Days"),
                    "Prefix": rule["Filter"].get("Prefix"),
                }
                for rule in lifecycle.get("Rules", [])
            ]
        },
        "VersioningConfiguration": get("bucket_versioning", when="VersioningConfiguration"),
    }


def _auto_scaling_group(query: Query, name: str, _expected: Properties) -> Properties:
    listed = query("autoscaling", "describe_auto_scaling_groups")["AutoScalingGroups"]
    group = _one(listed, "AutoScalingGroupName", name)
    return {**group, "VPCZoneIdentifier": group["VPCZoneIdentifier"].split(",")}


def _lifecycle_hook(query: Query, name: str, expected: Properties) -> Properties:
    group = {"AutoScalingGroupName": expected["AutoScalingGroupName"]}
    hooks = query("autoscaling", "describe_lifecycle_hooks", **group)["LifecycleHooks"]
    return _one(hooks, "LifecycleHookName", name)


def _instance_profile(query: Query, arn: str, _expected: Properties) -> Properties:
    profile = _one(query("iam", "list_instance_profiles")["InstanceProfiles"], "Arn", arn)
    return {"Roles": [role["RoleName"] for role in profile["Roles"]]}


def _tagged(operation: str, by: str, inside: str) -> Read:
    """Find it in a list of EC2's; its tags are those that the template gave it."""

    def read(query: Query, physical_id: str, _expected: Properties) -> Properties:
        found = _one(query("ec2", operation)[inside], by, physical_id)
        given = [tag for tag in found["Tags"] if not tag["Key"].startswith("aws:")]
        return {**found, "Tags": given}

    return read


_vpc = _tagged("describe_vpcs", "VpcId", "Vpcs")
_group = _tagged("describe_security_groups", "GroupId", "SecurityGroups")


def _network(query: Query, vpc: str, expected: Properties) -> Properties:
    attributes = {}
    for name in ("EnableDnsHostnames", "EnableDnsSupport"):
        spelled = name[:1].lower() + name[1:]
        answer = query("ec2", "describe_vpc_attribute", VpcId=vpc, Attribute=spelled)
        attributes[name] = answer[name]["Value"]
    return {**_vpc(query, vpc, expected), **attributes}


def _route_table(query: Query, expected: Properties) -> Properties:
    tables = query("ec2", "describe_route_tables")["RouteTables"]
    return _one(tables, "RouteTableId", expected["RouteTableId"])


def _route(query: Query, _id: str, expected: Properties) -> Properties:
    table = _route_table(query, expected)
    to = "DestinationCidrBlock"
    return {**_one(table["Routes"], to, expected[to]), "RouteTableId": table["RouteTableId"]}


def _route_table_of_subnet(query: Query, association: str, expected: Properties) -> Properties:
    associations = _route_table(query, expected)["Associations"]
    return _one(associations, "RouteTableAssociationId", association)


def _gateway_attachment(query: Query, _id: str, expected: Properties) -> Properties:
    gateways, wanted = query("ec2", "describe_internet_gateways"), expected["InternetGatewayId"]
    gateway = _one(gateways["InternetGateways"], "InternetGatewayId", wanted)
    return {**_one(gateway["Attachments"], "VpcId", expected["VpcId"]), "InternetGatewayId": wanted}


def _security_group(query: Query, group_id: str, expected: Properties) -> Properties:
    group = _group(query, group_id, expected)
    egress = [
        {**permission, **to}
        for permission in group["IpPermissionsEgress"]
        for to in permission["IpRanges"]
    ]
    return {**group, "GroupDescription": group["Description"], "SecurityGroupEgress": egress}


def _launch_template(query: Query, template: str, _expected: Properties) -> Properties:
    listed = query("ec2", "describe_launch_templates")["LaunchTemplates"]
    tags = _one(listed, "LaunchTemplateId", template)["Tags"]
    (latest,) = query(
        "ec2", "describe_launch_template_versions", LaunchTemplateId=template, Versions=["$Latest"]
    )["LaunchTemplateVersions"]
    return {**latest, "TagSpecifications": [{"ResourceType": "launch-template", "Tags": tags}]}


READERS: dict[str, tuple[Read, str]] = {
    "AWS::ApiGatewayV2::Api": (_get("apigatewayv2", "get_api", by="ApiId"), "Name ProtocolType"),
    "AWS::ApiGatewayV2::Authorizer": (
        _get("apigatewayv2", "get_authorizer", by="AuthorizerId", of="ApiId"),
        "ApiId AuthorizerType IdentitySource JwtConfiguration Name"),
    "AWS::ApiGatewayV2::Integration": (
        _get("apigatewayv2", "get_integration", by="IntegrationId", of="ApiId"),
        "ApiId IntegrationType IntegrationUri PayloadFormatVersion"),
    "AWS::ApiGatewayV2::Route": (_get("apigatewayv2", "get_route", by="RouteId", of="ApiId"),
        "ApiId AuthorizationScopes AuthorizationType AuthorizerId RouteKey Target"),
    "AWS::ApiGatewayV2::Stage": (_get("apigatewayv2", "get_stage", by="StageName", of="ApiId"),
        "AccessLogSettings ApiId AutoDeploy DefaultRouteSettings StageName"),
    "AWS::AutoScaling::AutoScalingGroup": (
        _auto_scaling_group,
        "AutoScalingGroupName HealthCheckGracePeriod HealthCheckType LaunchTemplate MaxSize "
        "MinSize VPCZoneIdentifier"),
    "AWS::AutoScaling::LifecycleHook": (
        _lifecycle_hook,
        "AutoScalingGroupName DefaultResult HeartbeatTimeout LifecycleHookName "
        "LifecycleTransition"),
    "AWS::AutoScaling::ScalingPolicy": (
        _listed("autoscaling", "describe_policies", by="PolicyARN", inside="ScalingPolicies"),
        "AutoScalingGroupName PolicyType TargetTrackingConfiguration"),
    "AWS::CloudWatch::Alarm": (
        _listed("cloudwatch", "describe_alarms", by="AlarmName", inside="MetricAlarms"),
        "AlarmActions AlarmDescription ComparisonOperator Dimensions EvaluationPeriods MetricName "
        "Namespace Period Statistic Threshold TreatMissingData"),
    "AWS::Cognito::UserPool": (
        _get("cognito-idp", "describe_user_pool", by="UserPoolId", inside="UserPool"),
        "AccountRecoverySetting AdminCreateUserConfig DeletionProtection EmailVerificationMessage "
        "EmailVerificationSubject Policies SmsVerificationMessage VerificationMessageTemplate"),
    "AWS::Cognito::UserPoolClient": (
        _client,
        "AccessTokenValidity AllowedOAuthFlows AllowedOAuthFlowsUserPoolClient AllowedOAuthScopes "
        "ExplicitAuthFlows GenerateSecret PreventUserExistenceErrors SupportedIdentityProviders "
        "TokenValidityUnits UserPoolId"),
    "AWS::Cognito::UserPoolDomain": (
        _get("cognito-idp", "describe_user_pool_domain", by="Domain", inside="DomainDescription"),
        "Domain UserPoolId"),
    "AWS::Cognito::UserPoolResourceServer": (
        _get("cognito-idp", "describe_resource_server", by="Identifier", of="UserPoolId",
             inside="ResourceServer"),
        "Identifier Name Scopes UserPoolId"),
    "AWS::DSQL::Cluster": (
        _get("dsql", "get_cluster", by="identifier"), "DeletionProtectionEnabled"),
    "AWS::DynamoDB::GlobalTable": (
        _table,
        "AttributeDefinitions BillingMode GlobalSecondaryIndexes KeySchema Replicas "
        "SSESpecification StreamSpecification TimeToLiveSpecification"),
    "AWS::EC2::InternetGateway": (
        _tagged("describe_internet_gateways", "InternetGatewayId", "InternetGateways"),
        "Tags"),
    "AWS::EC2::LaunchTemplate": (_launch_template, "LaunchTemplateData TagSpecifications"),
    "AWS::EC2::Route": (_route, "DestinationCidrBlock GatewayId RouteTableId"),
    "AWS::EC2::RouteTable": (
        _tagged("describe_route_tables", "RouteTableId", "RouteTables"),
        "Tags VpcId"),
    "AWS::EC2::SecurityGroup": (
        _security_group, "GroupDescription SecurityGroupEgress Tags VpcId"),
    "AWS::EC2::Subnet": (
        _tagged("describe_subnets", "SubnetId", "Subnets"),
        "AvailabilityZone CidrBlock MapPublicIpOnLaunch Tags VpcId"),
    "AWS::EC2::SubnetRouteTableAssociation": (_route_table_of_subnet, "RouteTableId SubnetId"),
    "AWS::EC2::VPC": (
        _network, "CidrBlock EnableDnsHostnames EnableDnsSupport InstanceTenancy Tags"),
    "AWS::EC2::VPCEndpoint": (
        _tagged("describe_vpc_endpoints", "VpcEndpointId", "VpcEndpoints"),
        "RouteTableIds ServiceName Tags VpcEndpointType VpcId"),
    "AWS::EC2::VPCGatewayAttachment": (_gateway_attachment, "InternetGatewayId VpcId"),
    "AWS::Events::Archive": (
        _get("events", "describe_archive", by="ArchiveName", EventSourceArn="SourceArn"),
        "ArchiveName Description EventPattern KmsKeyIdentifier RetentionDays SourceArn"),
    "AWS::Events::EventBus": (_get("events", "describe_event_bus", by="Name"), "Name"),
    "AWS::Events::Rule": (_rule, "Description EventBusName EventPattern Name State Targets"),
    "AWS::IAM::InstanceProfile": (_instance_profile, "Roles"),
    "AWS::IAM::Policy": (_inline_policy, "PolicyDocument PolicyName Roles"),
    "AWS::IAM::Role": (
        _role, "AssumeRolePolicyDocument Description ManagedPolicyArns Policies RoleName"),
    "AWS::Kinesis::Stream": (
        _stream, "Name RetentionPeriodHours ShardCount StreamEncryption StreamModeDetails"),
    "AWS::Kinesis::StreamConsumer": (
        _get("kinesis", "describe_stream_consumer", by="ConsumerARN",
             inside="ConsumerDescription"),
        "ConsumerName StreamARN"),
    "AWS::Lambda::EventInvokeConfig": (
        _get("lambda", "get_function_event_invoke_config", of="FunctionName Qualifier"),
        "DestinationConfig FunctionName MaximumEventAgeInSeconds MaximumRetryAttempts Qualifier"),
    "AWS::Lambda::EventSourceMapping": (
        _mapping,
        "BatchSize BisectBatchOnFunctionError DestinationConfig EventSourceArn FilterCriteria "
        "FunctionName FunctionResponseTypes MaximumBatchingWindowInSeconds "
        "MaximumRecordAgeInSeconds MaximumRetryAttempts ParallelizationFactor ScalingConfig "
        "StartingPosition"),
    "AWS::Lambda::Function": (
        _function,
        "Architectures Code DeadLetterConfig Environment Handler Layers LoggingConfig MemorySize "
        "ReservedConcurrentExecutions Role Runtime Timeout TracingConfig"),
    "AWS::Lambda::LayerVersion": (_layer, "CompatibleRuntimes Content Description"),
    "AWS::Lambda::Permission": (
        _permission, "Action FunctionName Principal SourceAccount SourceArn"),
    "AWS::Logs::LogGroup": (
        _listed("logs", "describe_log_groups", by="logGroupName", inside="logGroups"),
        "LogGroupName RetentionInDays"),
    "AWS::Logs::ResourcePolicy": (
        _listed("logs", "describe_resource_policies", by="policyName", inside="resourcePolicies"),
        "PolicyDocument PolicyName"),
    "AWS::S3::Bucket": (
        _bucket,
        "BucketEncryption BucketName LifecycleConfiguration ObjectLockConfiguration "
        "ObjectLockEnabled PublicAccessBlockConfiguration VersioningConfiguration"),
    "AWS::S3::BucketPolicy": (_get("s3", "get_bucket_policy", of="Bucket", Policy="PolicyDocument"),
        "Bucket PolicyDocument"),
    "AWS::SES::EmailIdentity": (_identity, "EmailIdentity"),
    "AWS::SNS::Subscription": (
        _subscription,
        "Endpoint FilterPolicy FilterPolicyScope Protocol RawMessageDelivery RedrivePolicy "
        "TopicArn"),
    "AWS::SNS::Topic": (
        _topic,
        "ContentBasedDeduplication DisplayName FifoThroughputScope FifoTopic KmsMasterKeyId "
        "TopicName"),
    "AWS::SNS::TopicPolicy": (_policy("Topics", _topic), "PolicyDocument Topics"),
    "AWS::SQS::Queue": (
        _queue,
        "ContentBasedDeduplication DeduplicationScope DelaySeconds FifoQueue FifoThroughputLimit "
        "KmsMasterKeyId MaximumMessageSize MessageRetentionPeriod QueueName "
        "ReceiveMessageWaitTimeSeconds RedriveAllowPolicy RedrivePolicy SqsManagedSseEnabled "
        "VisibilityTimeout"),
    "AWS::SQS::QueuePolicy": (_policy("Queues", _queue), "PolicyDocument Queues"),
    "AWS::Scheduler::Schedule": (_get("scheduler", "get_schedule", by="Name", of="GroupName"),
        "FlexibleTimeWindow GroupName ScheduleExpression Target"),
    "AWS::Scheduler::ScheduleGroup": (_get("scheduler", "get_schedule_group", by="Name"), "Name"),
    "AWS::StepFunctions::StateMachine": (
        _get("stepfunctions", "describe_state_machine", by="stateMachineArn",
             definition="DefinitionString", type="StateMachineType"),
        "DefinitionString LoggingConfiguration RoleArn StateMachineType TracingConfiguration"),
}  # fmt: skip
"""Each type: how it is read back, and the properties that are compared."""

"""Which properties of templates the local cloud supports, and how to read them back.

`READERS` has an entry for each resource type: the function that reads a resource from its service,
and the properties that are compared. Differences in the spelling of names and values are ignored
(`emulator.template_check.find_mismatches`). A property that only identifies where to look (`ApiId`)
counts as equal if the resource is found there.
"""

from emulator.network_readers import (
    read_auto_scaling_group,
    read_gateway_attachment,
    read_launch_template,
    read_lifecycle_hook,
    read_network,
    read_route,
    read_route_table_of_subnet,
    read_security_group,
    tagged,
)
from emulator.readers import (
    Read,
    call,
    common_policy,
    listed,
    read_bucket,
    read_client,
    read_function,
    read_identity,
    read_inline_policy,
    read_instance_profile,
    read_key,
    read_layer,
    read_mapping,
    read_permission,
    read_queue,
    read_role,
    read_rule,
    read_stream,
    read_subscription,
    read_table,
    read_topic,
)

UNSUPPORTED = {
    "AWS::AutoScaling::AutoScalingGroup.CreationPolicy": "a group launches nothing to wait for",
    "AWS::AutoScaling::AutoScalingGroup.DefaultInstanceWarmup": "a group launches nothing",
    "AWS::AutoScaling::AutoScalingGroup.LifecycleHookSpecificationList": "a group launches nothing",
    "AWS::AutoScaling::AutoScalingGroup.MaxInstanceLifetime": "a group launches nothing",
    "AWS::AutoScaling::AutoScalingGroup.MetricsCollection": "groups have no metrics",
    "AWS::AutoScaling::AutoScalingGroup.UpdatePolicy": "a group has nothing to replace",
    "AWS::CDK::Metadata": "reports to AWS which constructs were used; there is nothing to hold",
    "AWS::EC2::LaunchTemplate.LaunchTemplateData.CreditSpecification": "nothing is launched",
    "AWS::Events::EventBus.EventSourceName": (
        "there is no partner: any principal that may put events on its bus plays it"
    ),
    "AWS::Lambda::EventSourceMapping.MetricsConfig": "mappings have no metrics in the local cloud",
    "AWS::Logs::QueryDefinition": "there is no console that could offer a saved query",
    "Custom::": "a custom resource's properties are its function's arguments",
}
"""What the local cloud cannot have, each with the reason.

The keys are types, or properties and attributes as `Type.Property`, or the path to a part of one as
`Type.Property.Part`. A test fails when one of them is there after all, or when no template has it:
this list can only shrink.
"""

READERS: dict[str, tuple[Read, str]] = {
    "AWS::ApiGatewayV2::Api": (call("apigatewayv2", "get_api", by="ApiId"), "Name ProtocolType"),
    "AWS::ApiGatewayV2::Authorizer": (
        call("apigatewayv2", "get_authorizer", by="AuthorizerId", of="ApiId"),
        "ApiId AuthorizerType IdentitySource JwtConfiguration Name"),
    "AWS::ApiGatewayV2::Integration": (
        call("apigatewayv2", "get_integration", by="IntegrationId", of="ApiId"),
        "ApiId IntegrationType IntegrationUri PayloadFormatVersion"),
    "AWS::ApiGatewayV2::Route": (call("apigatewayv2", "get_route", by="RouteId", of="ApiId"),
        "ApiId AuthorizationScopes AuthorizationType AuthorizerId RouteKey Target"),
    "AWS::ApiGatewayV2::Stage": (call("apigatewayv2", "get_stage", by="StageName", of="ApiId"),
        "AccessLogSettings ApiId AutoDeploy DefaultRouteSettings StageName"),
    "AWS::AutoScaling::AutoScalingGroup": (
        read_auto_scaling_group,
        "AutoScalingGroupName HealthCheckGracePeriod HealthCheckType LaunchTemplate MaxSize "
        "MinSize VPCZoneIdentifier"),
    "AWS::AutoScaling::LifecycleHook": (
        read_lifecycle_hook,
        "AutoScalingGroupName DefaultResult HeartbeatTimeout LifecycleHookName "
        "LifecycleTransition"),
    "AWS::AutoScaling::ScalingPolicy": (
        listed("autoscaling", "describe_policies", by="PolicyARN", inside="ScalingPolicies"),
        "AdjustmentType AutoScalingGroupName PolicyType StepAdjustments "
        "TargetTrackingConfiguration"),
    "AWS::CloudWatch::Alarm": (
        listed("cloudwatch", "describe_alarms", by="AlarmName", inside="MetricAlarms"),
        "AlarmActions AlarmDescription ComparisonOperator Dimensions EvaluationPeriods "
        "ExtendedStatistic MetricName Metrics Namespace Period Statistic Threshold "
        "TreatMissingData"),
    "AWS::CloudWatch::Dashboard": (
        call("cloudwatch", "get_dashboard", by="DashboardName"), "DashboardBody"),
    "AWS::Cognito::UserPool": (
        call("cognito-idp", "describe_user_pool", by="UserPoolId", inside="UserPool"),
        "AccountRecoverySetting AdminCreateUserConfig DeletionProtection EmailVerificationMessage "
        "EmailVerificationSubject Policies SmsVerificationMessage VerificationMessageTemplate"),
    "AWS::Cognito::UserPoolClient": (
        read_client,
        "AccessTokenValidity AllowedOAuthFlows AllowedOAuthFlowsUserPoolClient AllowedOAuthScopes "
        "ExplicitAuthFlows GenerateSecret PreventUserExistenceErrors SupportedIdentityProviders "
        "TokenValidityUnits UserPoolId"),
    "AWS::Cognito::UserPoolDomain": (
        call("cognito-idp", "describe_user_pool_domain", by="Domain", inside="DomainDescription"),
        "Domain UserPoolId"),
    "AWS::Cognito::UserPoolResourceServer": (
        call("cognito-idp", "describe_resource_server", by="Identifier", of="UserPoolId",
             inside="ResourceServer"),
        "Identifier Name Scopes UserPoolId"),
    "AWS::DSQL::Cluster": (
        call("dsql", "get_cluster", by="identifier"), "DeletionProtectionEnabled"),
    "AWS::DynamoDB::GlobalTable": (
        read_table,
        "AttributeDefinitions BillingMode GlobalSecondaryIndexes KeySchema Replicas "
        "SSESpecification StreamSpecification TimeToLiveSpecification"),
    "AWS::EC2::InternetGateway": (
        tagged("describe_internet_gateways", "InternetGatewayId", "InternetGateways"),
        "Tags"),
    "AWS::EC2::LaunchTemplate": (read_launch_template, "LaunchTemplateData TagSpecifications"),
    "AWS::EC2::Route": (read_route, "DestinationCidrBlock GatewayId RouteTableId"),
    "AWS::EC2::RouteTable": (
        tagged("describe_route_tables", "RouteTableId", "RouteTables"),
        "Tags VpcId"),
    "AWS::EC2::SecurityGroup": (
        read_security_group, "GroupDescription SecurityGroupEgress Tags VpcId"),
    "AWS::EC2::Subnet": (
        tagged("describe_subnets", "SubnetId", "Subnets"),
        "AvailabilityZone CidrBlock MapPublicIpOnLaunch Tags VpcId"),
    "AWS::EC2::SubnetRouteTableAssociation": (read_route_table_of_subnet, "RouteTableId SubnetId"),
    "AWS::EC2::VPC": (
        read_network, "CidrBlock EnableDnsHostnames EnableDnsSupport InstanceTenancy Tags"),
    "AWS::EC2::VPCEndpoint": (
        tagged("describe_vpc_endpoints", "VpcEndpointId", "VpcEndpoints"),
        "RouteTableIds ServiceName Tags VpcEndpointType VpcId"),
    "AWS::EC2::VPCGatewayAttachment": (read_gateway_attachment, "InternetGatewayId VpcId"),
    "AWS::Events::Archive": (
        call("events", "describe_archive", by="ArchiveName", EventSourceArn="SourceArn"),
        "ArchiveName Description EventPattern KmsKeyIdentifier RetentionDays SourceArn"),
    "AWS::Events::EventBus": (call("events", "describe_event_bus", by="Name"), "Name"),
    "AWS::Events::Rule": (read_rule, "Description EventBusName EventPattern Name State Targets"),
    "AWS::IAM::InstanceProfile": (read_instance_profile, "Roles"),
    "AWS::IAM::Policy": (read_inline_policy, "PolicyDocument PolicyName Roles"),
    "AWS::IAM::Role": (
        read_role, "AssumeRolePolicyDocument Description ManagedPolicyArns Policies RoleName"),
    "AWS::KMS::Key": (read_key, "Description EnableKeyRotation KeyPolicy"),
    "AWS::Kinesis::Stream": (
        read_stream, "Name RetentionPeriodHours ShardCount StreamEncryption StreamModeDetails"),
    "AWS::Kinesis::StreamConsumer": (
        call("kinesis", "describe_stream_consumer", by="ConsumerARN",
             inside="ConsumerDescription"),
        "ConsumerName StreamARN"),
    "AWS::Lambda::EventInvokeConfig": (
        call("lambda", "get_function_event_invoke_config", of="FunctionName Qualifier"),
        "DestinationConfig FunctionName MaximumEventAgeInSeconds MaximumRetryAttempts Qualifier"),
    "AWS::Lambda::EventSourceMapping": (
        read_mapping,
        "BatchSize BisectBatchOnFunctionError DestinationConfig EventSourceArn FilterCriteria "
        "FunctionName FunctionResponseTypes MaximumBatchingWindowInSeconds "
        "MaximumRecordAgeInSeconds MaximumRetryAttempts ParallelizationFactor ScalingConfig "
        "StartingPosition"),
    "AWS::Lambda::Function": (
        read_function,
        "Architectures Code DeadLetterConfig Environment Handler Layers LoggingConfig MemorySize "
        "ReservedConcurrentExecutions Role Runtime Timeout TracingConfig"),
    "AWS::Lambda::LayerVersion": (read_layer, "CompatibleRuntimes Content Description"),
    "AWS::Lambda::Permission": (
        read_permission, "Action FunctionName Principal SourceAccount SourceArn"),
    "AWS::Logs::LogGroup": (
        listed("logs", "describe_log_groups", by="logGroupName", inside="logGroups"),
        "LogGroupName RetentionInDays"),
    "AWS::Logs::ResourcePolicy": (
        listed("logs", "describe_resource_policies", by="policyName", inside="resourcePolicies"),
        "PolicyDocument PolicyName"),
    "AWS::S3::Bucket": (
        read_bucket,
        "BucketEncryption BucketName LifecycleConfiguration ObjectLockConfiguration "
        "ObjectLockEnabled PublicAccessBlockConfiguration VersioningConfiguration"),
    "AWS::S3::BucketPolicy": (call("s3", "get_bucket_policy", of="Bucket", Policy="PolicyDocument"),
        "Bucket PolicyDocument"),
    "AWS::SES::EmailIdentity": (read_identity, "EmailIdentity"),
    "AWS::SNS::Subscription": (
        read_subscription,
        "Endpoint FilterPolicy FilterPolicyScope Protocol RawMessageDelivery RedrivePolicy "
        "TopicArn"),
    "AWS::SNS::Topic": (
        read_topic,
        "ContentBasedDeduplication DisplayName FifoThroughputScope FifoTopic KmsMasterKeyId "
        "TopicName"),
    "AWS::SNS::TopicPolicy": (common_policy("Topics", read_topic), "PolicyDocument Topics"),
    "AWS::SQS::Queue": (
        read_queue,
        "ContentBasedDeduplication DeduplicationScope DelaySeconds FifoQueue FifoThroughputLimit "
        "KmsMasterKeyId MaximumMessageSize MessageRetentionPeriod QueueName "
        "ReceiveMessageWaitTimeSeconds RedriveAllowPolicy RedrivePolicy SqsManagedSseEnabled "
        "VisibilityTimeout"),
    "AWS::SQS::QueuePolicy": (common_policy("Queues", read_queue), "PolicyDocument Queues"),
    "AWS::Scheduler::Schedule": (call("scheduler", "get_schedule", by="Name", of="GroupName"),
        "FlexibleTimeWindow GroupName ScheduleExpression Target"),
    "AWS::Scheduler::ScheduleGroup": (call("scheduler", "get_schedule_group", by="Name"), "Name"),
    "AWS::StepFunctions::StateMachine": (
        call("stepfunctions", "describe_state_machine", by="stateMachineArn",
             definition="DefinitionString", type="StateMachineType"),
        "DefinitionString LoggingConfiguration RoleArn StateMachineType TracingConfiguration"),
}  # fmt: skip
"""Each type: how it is read back, and the properties that are compared."""

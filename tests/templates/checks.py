"""What must hold for every resource of the platform, whichever service declares it.

A check yields a line for each offence, and the line begins with the offending resource. That each
can fail is proven in ``test_checks``.
"""

import ast
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from lambdas.contracts import inventory, orders, payments, shipping, warehouse
from lambdas.contracts.event import DESTINATION_SOURCE
from tests.templates.synthesis import ROOT, Platform, Resource, definition

Check = Callable[[Platform], Iterator[str]]
CHECKS: list[Check] = []

BUS, RULE, ARCHIVE = "AWS::Events::EventBus", "AWS::Events::Rule", "AWS::Events::Archive"
QUEUE, QUEUE_POLICY = "AWS::SQS::Queue", "AWS::SQS::QueuePolicy"
TOPIC, TOPIC_POLICY = "AWS::SNS::Topic", "AWS::SNS::TopicPolicy"
SUBSCRIPTION = "AWS::SNS::Subscription"
ALARM = "AWS::CloudWatch::Alarm"
FUNCTION, MAPPING = "AWS::Lambda::Function", "AWS::Lambda::EventSourceMapping"
PERMISSION = "AWS::Lambda::Permission"
ROLE, POLICY = "AWS::IAM::Role", "AWS::IAM::Policy"
LOG_GROUP, LOG_POLICY = "AWS::Logs::LogGroup", "AWS::Logs::ResourcePolicy"
INVOKE_CONFIG = "AWS::Lambda::EventInvokeConfig"
SCHEDULE = "AWS::Scheduler::Schedule"
MACHINE = "AWS::StepFunctions::StateMachine"
TABLE, DSQL, USER_POOL = (
    "AWS::DynamoDB::GlobalTable",
    "AWS::DSQL::Cluster",
    "AWS::Cognito::UserPool",
)
STREAM, CONSUMER = "AWS::Kinesis::Stream", "AWS::Kinesis::StreamConsumer"
BUCKET, BUCKET_POLICY = "AWS::S3::Bucket", "AWS::S3::BucketPolicy"
CLIENT = "AWS::Cognito::UserPoolClient"
API, ROUTE, STAGE = "AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Stage"
AUTHORIZER = "AWS::ApiGatewayV2::Authorizer"

SOURCES = {
    "Orders": orders.SOURCE,
    "Inventory": inventory.SOURCE,
    "Payments": payments.SOURCE,
    # It is payments' function that tells what the partner told.
    "Partner": payments.SOURCE,
    "Shipping": shipping.SOURCE,
    "Warehouse": warehouse.SOURCE,
    "Notifications": DESTINATION_SOURCE,
}
"""Under which source each service's stack may put events on the bus, or has Lambda put them."""

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
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    },
}
"""What AWS offers on all resources only, by who the role is for."""

A_GROUP = "autoScalingGroup:*:autoScalingGroupName/"
"""In a group's ARN there is an id that it gets when it is made: a name it has to be."""

OBJECTS = (
    # Lambda's own names: https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    "/aws/lambda/*",
    "/invoices/*",
)
"""Objects of a bucket that are named only when they are put."""

NO_PHYSICAL_NAME = {
    # Instances say these when they have drained.
    ("AWS::AutoScaling::AutoScalingGroup", "AutoScalingGroupName"),
    ("AWS::AutoScaling::LifecycleHook", "AutoScalingGroupName"),
    ("AWS::AutoScaling::LifecycleHook", "LifecycleHookName"),
    ("AWS::AutoScaling::ScalingPolicy", "AutoScalingGroupName"),
    ("AWS::EC2::VPCEndpoint", "ServiceName"),
    ("AWS::ApiGatewayV2::Api", "Name"),
    ("AWS::ApiGatewayV2::Authorizer", "Name"),
    ("AWS::ApiGatewayV2::Stage", "StageName"),
    ("AWS::CloudWatch::Alarm", "MetricName"),
    # What a Ref gives of a resource server has to be made of one.
    ("AWS::Cognito::UserPoolResourceServer", "Name"),
    ("AWS::Events::Rule", "EventBusName"),
    ("AWS::IAM::Policy", "PolicyName"),
    # Must be given, and is the stack's and the projection's.
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
}
"""Properties called a name that are a label, or refer to another resource, or must be given."""

FOURTEEN_DAYS = 14 * 24 * 60 * 60
DAY = 24 * 60 * 60


def check(function: Check) -> Check:
    """Register a check."""
    CHECKS.append(function)
    return function


def as_list(value: Any) -> list[Any]:
    """IAM writes a list of one as its only element."""
    return value if isinstance(value, list) else [value]


def statements(resource: Resource) -> list[Any]:
    """Those of a resource's policy document."""
    return list(resource.properties["PolicyDocument"]["Statement"])


def policies_of(platform: Platform, role: Resource) -> Iterator[Resource]:
    """The policies that a role has been given."""
    for policy in platform.all(POLICY):
        if policy.stack == role.stack and {"Ref": role.id} in policy.properties["Roles"]:
            yield policy


def permissions(platform: Platform) -> Iterator[tuple[Resource, Any]]:
    """Each role with each statement of what it may do."""
    for role in platform.all(ROLE):
        for policy in policies_of(platform, role):
            for statement in statements(policy):
                yield role, statement


def assumed_by(role: Resource) -> str:
    (statement,) = role.properties["AssumeRolePolicyDocument"]["Statement"]
    return str(statement["Principal"]["Service"])


def queue_policy_statements(platform: Platform, queue: Resource) -> list[Any]:
    """The statements of a queue's own policy."""
    return [
        statement
        for policy in platform.all(QUEUE_POLICY)
        if policy.stack == queue.stack and {"Ref": queue.id} in policy.properties["Queues"]
        for statement in statements(policy)
    ]


def catch_all_name(platform: Platform) -> str:
    return f"Orders{platform.environment.name.capitalize()}Rule"


def is_catch_all(rule: Resource, platform: Platform) -> bool:
    return bool(rule.properties.get("Name") == catch_all_name(platform))


# Events


@check
def rule_target_has_retries_and_dead_letter_queue(platform: Platform) -> Iterator[str]:
    for rule in platform.all(RULE):
        for target in rule.properties["Targets"]:
            retry = target.get("RetryPolicy", {})
            if not {"MaximumRetryAttempts", "MaximumEventAgeInSeconds"} <= retry.keys():
                yield f"{rule}: its target has no bounded retries"
            queue = platform.referred(rule.stack, target.get("DeadLetterConfig", {}).get("Arn"))
            if queue is None or queue.kind != QUEUE:
                yield f"{rule}: its target has no dead-letter queue"
            elif queue.properties.get("FifoQueue"):
                yield f"{rule}: EventBridge parks in standard queues only, {queue.id} is FIFO"
            elif not any(
                _allows_event_rule_to_send(statement, rule, queue)
                for statement in queue_policy_statements(platform, queue)
            ):
                yield f"{rule}: EventBridge may not send to {queue.id} for it"


def _allows_event_rule_to_send(statement: Any, rule: Resource, queue: Resource) -> bool:
    return bool(
        statement["Effect"] == "Allow"
        and statement["Action"] == "sqs:SendMessage"
        and statement["Principal"] == {"Service": "events.amazonaws.com"}
        and statement["Resource"] == {"Fn::GetAtt": [queue.id, "Arn"]}
        and statement.get("Condition")
        == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": [rule.id, "Arn"]}}}
    )


@check
def rule_ignores_replayed_events(platform: Platform) -> Iterator[str]:
    """All but the catch-all, and the one rule for replays: it hears nothing else.

    Its queue wakes no function: only who asks for a replay reads it.
    """
    read = [
        platform.referred(m.stack, m.properties["EventSourceArn"]) for m in platform.all(MAPPING)
    ]
    for rule in platform.all(RULE):
        replays = rule.properties["EventPattern"].get("replay-name")
        if is_catch_all(rule, platform) or replays == [{"exists": False}]:
            continue
        queues = [platform.referred(rule.stack, t["Arn"]) for t in rule.properties["Targets"]]
        if replays != [{"exists": True}] or any(q is None or q.kind != QUEUE for q in queues):
            yield f"{rule}: it would hear replayed events"
        elif any(queue in read for queue in queues):
            yield f"{rule}: replayed events would wake a function"


@check
def catch_all_rule_is_as_in_the_tutorial(platform: Platform) -> Iterator[str]:
    caught = [rule for rule in platform.all(RULE) if is_catch_all(rule, platform)]
    if len(caught) != 1:
        yield f"*: {len(caught)} rules are called {catch_all_name(platform)}"
    for rule in caught:
        if rule.properties["Description"] != "Catchall rule for development purposes":
            yield f"{rule}: its description is another"
        if rule.properties["EventPattern"] != {"source": ["com.aws.orders"]}:
            yield f"{rule}: its pattern is another"
        if rule.properties["State"] != "ENABLED":
            yield f"{rule}: it is not enabled"
        (target,) = rule.properties["Targets"]
        last = target["Arn"]["Fn::Join"][1][-1]
        group = platform.referred(rule.stack, last)
        name = group and group.properties["LogGroupName"]
        if (name == "/aws/events/orders") != (platform.environment.name == "dev"):
            yield f"{rule}: it logs to {name}"
        if not str(name).startswith("/aws/events/"):
            yield f"{rule}: the Logs resource policy does not know {name}"


@check
def bus_is_named_orders_only_in_dev(platform: Platform) -> Iterator[str]:
    # A partner's bus bears the partner's name.
    buses = [bus for bus in platform.all(BUS) if "EventSourceName" not in bus.properties]
    if len(buses) != 1:
        yield f"*: there are {len(buses)} buses"
    for bus in buses:
        name = bus.properties["Name"]
        if (name == "Orders") != (platform.environment.name == "dev"):
            yield f"{bus}: it is called {name}"


@check
def put_events_is_limited_to_own_source(platform: Platform) -> Iterator[str]:
    for role, statement in permissions(platform):
        if "events:PutEvents" not in as_list(statement["Action"]):
            continue
        source = SOURCES.get(role.stack.rpartition("-")[2])
        if statement.get("Condition") != {"StringEquals": {"events:source": source}}:
            yield f"{role}: it may put events under sources other than {source}"
        bus = platform.referred(role.stack, statement["Resource"])
        if bus is None or bus.kind != BUS:
            yield f"{role}: it may put events elsewhere than on our bus"


@check
def only_the_owner_publishes_to_a_topic(platform: Platform) -> Iterator[str]:
    """Nobody else tells what the service owns; the operations topic is there for all."""
    for role, statement in permissions(platform):
        if "sns:Publish" in as_list(statement["Action"]):
            topic = platform.referred(role.stack, statement["Resource"])
            if topic is None or (_is_fifo(topic) and topic.stack != role.stack):
                yield f"{role}: it may publish to {topic} of another service"


def _is_fifo(resource: Resource) -> bool:
    return resource.properties.get("FifoTopic", resource.properties.get("FifoQueue")) is True


@check
def fifo_is_high_throughput(platform: Platform) -> Iterator[str]:
    wanted = {
        TOPIC: {"FifoThroughputScope": "MessageGroup"},
        QUEUE: {
            "DeduplicationScope": "messageGroup",
            "FifoThroughputLimit": "perMessageGroupId",
        },
    }
    for resource in filter(_is_fifo, platform.all(*wanted)):
        for name, value in wanted[resource.kind].items():
            if resource.properties.get(name) != value:
                yield f"{resource}: its {name} is {resource.properties.get(name)}"
        if resource.properties.get("ContentBasedDeduplication"):
            yield f"{resource}: it takes different events of the same content for one"


@check
def subscription_has_filter_and_dead_letter_queue(platform: Platform) -> Iterator[str]:
    for subscription in platform.all(SUBSCRIPTION):
        given = subscription.properties
        queue = platform.referred(subscription.stack, given["Endpoint"])
        dead_letters_arn = given.get("RedrivePolicy", {}).get("deadLetterTargetArn")
        dead_letters = platform.referred(subscription.stack, dead_letters_arn)
        topic = platform.referred(subscription.stack, given["TopicArn"])
        if given.get("RawMessageDelivery") is not True:
            yield f"{subscription}: messages come wrapped up"
        if not given.get("FilterPolicy") or given.get("FilterPolicyScope") != "MessageBody":
            yield f"{subscription}: it is not filtered by what a message says"
        if dead_letters is None:
            yield f"{subscription}: what cannot be delivered is lost"
        for end in filter(None, (queue, dead_letters)):
            if topic is None or _is_fifo(end) != _is_fifo(topic):
                yield f"{subscription}: {end.id} is not of its topic's kind"
            if not any(
                _allows_topic_to_send(statement, given["TopicArn"], end)
                for statement in queue_policy_statements(platform, end)
            ):
                yield f"{subscription}: SNS may not send to {end.id}"
            if end.properties.get("KmsMasterKeyId"):
                yield f"{subscription}: SNS needs a right to the key of {end.id}"
            if end.properties.get("MessageRetentionPeriod") != FOURTEEN_DAYS:
                yield f"{subscription}: SQS could keep the messages of {end.id} for longer"


def _allows_topic_to_send(statement: Any, topic: Any, queue: Resource) -> bool:
    return bool(
        statement["Effect"] == "Allow"
        and statement["Action"] == "sqs:SendMessage"
        and statement["Principal"] == {"Service": "sns.amazonaws.com"}
        and statement["Resource"] == {"Fn::GetAtt": [queue.id, "Arn"]}
        and statement.get("Condition") == {"ArnEquals": {"aws:SourceArn": topic}}
    )


@check
def queue_mapping_is_bounded(platform: Platform) -> Iterator[str]:
    """Each message is tried a few times; then it is parked, and the function may do so itself."""
    for mapping in platform.all(MAPPING):
        given = mapping.properties
        queue = platform.referred(mapping.stack, given["EventSourceArn"])
        function = platform.referred(mapping.stack, given["FunctionName"])
        if queue is None or queue.kind != QUEUE or function is None:
            continue
        redrive = queue.properties.get("RedrivePolicy", {})
        dead_letters = platform.referred(queue.stack, redrive.get("deadLetterTargetArn"))
        if dead_letters is None or _is_fifo(dead_letters) != _is_fifo(queue):
            yield f"{mapping}: what it gives up on is not parked in a queue of the same kind"
        elif function.properties["Environment"]["Variables"].get("DEAD_LETTER_QUEUE_URL") != {
            "Ref": dead_letters.id
        }:
            yield f"{mapping}: poison is parked elsewhere than what it gives up on"
        if not 5 <= redrive.get("maxReceiveCount", 0) <= 20:
            yield f"{mapping}: messages are tried too seldom, or too often"
        if queue.properties.get("VisibilityTimeout", 30) < 6 * function.properties["Timeout"]:
            yield f"{mapping}: messages come back while they are tried"
        if given.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{mapping}: partial failures are not reported"
        if not given.get("ScalingConfig", {}).get("MaximumConcurrency"):
            yield f"{mapping}: its throughput has no bound"
        if _is_fifo(queue) and "MaximumBatchingWindowInSeconds" in given:
            yield f"{mapping}: a FIFO queue knows no batching window"


# Logs


@check
def there_is_one_logs_resource_policy(platform: Platform) -> Iterator[str]:
    """A region holds ten, and each environment and each other application wants some."""
    first, *more = platform.all(LOG_POLICY)
    for policy in more:
        yield f"{policy}: {first} is there for all"


@check
def log_group_has_retention(platform: Platform) -> Iterator[str]:
    for group in platform.all(LOG_GROUP):
        if not group.properties.get("RetentionInDays"):
            yield f"{group}: it keeps its lines for ever"


@check
def no_role_creates_log_groups(platform: Platform) -> Iterator[str]:
    """A group that a function creates comes back after destroy, and keeps its lines for ever."""
    for role, statement in permissions(platform):
        if {"logs:CreateLogGroup", "logs:*", "*"} & set(as_list(statement["Action"])):
            yield f"{role}: it may create log groups"


@check
def aws_service_logs_are_vended(platform: Platform) -> Iterator[str]:
    """Elsewhere each adds itself to a resource policy whose size is limited."""
    for resource in platform.all(STAGE, MACHINE):
        if resource.kind == STAGE:
            destinations = [resource.properties.get("AccessLogSettings", {}).get("DestinationArn")]
        else:
            logging = resource.properties.get("LoggingConfiguration", {})
            destinations = [
                destination["CloudWatchLogsLogGroup"]["LogGroupArn"]
                for destination in logging.get("Destinations", [])
            ]
        groups = [platform.referred(resource.stack, destination) for destination in destinations]
        if not groups:
            yield f"{resource}: it writes no logs"
        for group in groups:
            name = str(group and group.properties.get("LogGroupName"))
            if not name.startswith("/aws/vendedlogs/"):
                yield f"{resource}: it logs to {name}"


# Functions and rights


@check
def function_has_own_role_and_log_group(platform: Platform) -> Iterator[str]:
    roles: dict[str, str] = {}
    groups: dict[str, str] = {}
    for function in platform.all(FUNCTION):
        wanted = {
            "Architectures": ["arm64"],
            "Runtime": "python3.13",
            "TracingConfig": {"Mode": "Active"},
        }
        for name, value in wanted.items():
            if function.properties.get(name) != value:
                yield f"{function}: {name} is {function.properties.get(name)}"
        for name in ("Timeout", "MemorySize"):
            if name not in function.properties:
                yield f"{function}: {name} is left to the default"
        role = platform.referred(function.stack, function.properties["Role"])
        group = platform.referred(
            function.stack, function.properties.get("LoggingConfig", {}).get("LogGroup")
        )
        for what, own, taken in (("role", role, roles), ("log group", group, groups)):
            if own is None or own.stack != function.stack:
                yield f"{function}: it has no {what} of its own"
            elif taken.setdefault(str(own), str(function)) != str(function):
                yield f"{function}: it shares its {what} with {taken[str(own)]}"


@check
def function_has_all_its_settings(platform: Platform) -> Iterator[str]:
    for function in platform.all(FUNCTION):
        module = ROOT / f"{function.properties['Handler'].rpartition('.')[0].replace('.', '/')}.py"
        given = set(function.properties.get("Environment", {}).get("Variables", {}))
        asked = _settings_read(module.relative_to(ROOT).as_posix(), set())
        if asked - given:
            yield f"{function}: it is not given {', '.join(sorted(asked - given))}"


def _settings_read(path: str, seen: set[str]) -> set[str]:
    """The names of all settings that a module, or what it imports from lambdas, reads."""
    if path in seen or not (ROOT / path).is_file():
        return set()
    seen.add(path)
    asked = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        match node:
            case ast.Call(func=ast.Name(id="setting"), args=[ast.Constant(value=str(name))]):
                asked.add(name)
            case ast.ImportFrom(module=str(module)) if module.startswith("lambdas."):
                asked |= _settings_read(f"{module.replace('.', '/')}.py", seen)
    return asked


@check
def no_role_has_managed_policies(platform: Platform) -> Iterator[str]:
    for role in platform.all(ROLE):
        if role.properties.get("ManagedPolicyArns"):
            yield f"{role}: {role.properties['ManagedPolicyArns']} give more than it needs"


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
    """Without a condition on the source, AWS's services do it for anybody: a confused deputy.

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


# Queues, topics, streams


@check
def queue_and_topic_require_tls(platform: Platform) -> Iterator[str]:
    for kind, policy_kind, listed in (
        (QUEUE, QUEUE_POLICY, "Queues"),
        (TOPIC, TOPIC_POLICY, "Topics"),
    ):
        for resource in platform.all(kind):
            denials = [
                statement
                for policy in platform.all(policy_kind)
                if policy.stack == resource.stack
                and {"Ref": resource.id} in policy.properties[listed]
                for statement in statements(policy)
                if statement["Effect"] == "Deny"
                and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
            ]
            if not denials:
                yield f"{resource}: it can be reached without TLS"


@check
def queue_keeps_messages_for_fourteen_days(platform: Platform) -> Iterator[str]:
    for queue in platform.all(QUEUE):
        if queue.properties.get("MessageRetentionPeriod") != FOURTEEN_DAYS:
            yield f"{queue}: SQS could keep its messages for longer"


@check
def queue_has_alarm(platform: Platform) -> Iterator[str]:
    for queue in platform.all(QUEUE):
        if not any(_watches(platform, alarm, queue) for alarm in platform.all(ALARM)):
            yield f"{queue}: nobody hears that something is in it"


@check
def alarm_description_is_unique(platform: Platform) -> Iterator[str]:
    """Only the description tells an operator which alarm it is; it begins with the service."""
    seen: dict[str, Resource] = {}
    for alarm in platform.all(ALARM):
        description = str(alarm.properties.get("AlarmDescription"))
        service = alarm.stack.rpartition("-")[2].lower()
        if not re.match(rf"{service}/\w+: ", description):
            yield f"{alarm}: it does not say whose alarm it is: {description}"
        other = seen.setdefault(description, alarm)
        if other is not alarm:
            yield f"{alarm}: it reads the same as {other}"


@check
def state_machine_has_failure_alarms(platform: Platform) -> Iterator[str]:
    for machine in platform.all(MACHINE):
        dimension = {"Name": "StateMachineArn", "Value": {"Ref": machine.id}}
        watched_metrics = {
            alarm.properties["MetricName"]
            for alarm in platform.all(ALARM)
            if alarm.stack == machine.stack
            and alarm.properties.get("Dimensions") == [dimension]
            and alarm.properties["Threshold"] == 0
            and alarm.properties.get("AlarmActions")
        }
        for end in ("TimedOut", "Aborted", "Failed"):
            if f"Executions{end}" not in watched_metrics:
                yield f"{machine}: nobody hears of an execution that has {end}"


def _watches(platform: Platform, alarm: Resource, queue: Resource) -> bool:
    action_topics = [
        platform.referred(alarm.stack, action)
        for action in alarm.properties.get("AlarmActions", [])
    ]
    dimension = {"Name": "QueueName", "Value": {"Fn::GetAtt": [queue.id, "QueueName"]}}
    # Where a consumer takes messages out again, it is their age that says that it does not.
    watched = {
        "ApproximateNumberOfMessagesVisible": 0,
        **({"ApproximateAgeOfOldestMessage": 900} if "RedrivePolicy" in queue.properties else {}),
    }
    # What is parked is still there when SQS says nothing of a queue that nobody uses.
    unknown = "notBreaching" if "RedrivePolicy" in queue.properties else "ignore"
    return (
        alarm.stack == queue.stack
        and any(topic is not None and topic.kind == TOPIC for topic in action_topics)
        and alarm.properties["Dimensions"] == [dimension]
        and alarm.properties["ComparisonOperator"] == "GreaterThanThreshold"
        and alarm.properties["Threshold"] == watched.get(alarm.properties["MetricName"])
        and alarm.properties["TreatMissingData"] == unknown
        and alarm.properties.get("ActionsEnabled", True)
    )


@check
def topic_lets_alarms_publish(platform: Platform) -> Iterator[str]:
    rung = [
        platform.referred(alarm.stack, action)
        for alarm in platform.all(ALARM)
        for action in alarm.properties.get("AlarmActions", [])
    ]
    for topic in platform.all(TOPIC):
        if topic in rung and not any(
            statement["Effect"] == "Allow"
            and statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
            and statement["Action"] == "sns:Publish"
            for policy in platform.all(TOPIC_POLICY)
            if policy.stack == topic.stack and {"Ref": topic.id} in policy.properties["Topics"]
            for statement in statements(policy)
        ):
            yield f"{topic}: alarms may not publish to it"


@check
def stream_mapping_is_bounded(platform: Platform) -> Iterator[str]:
    """Left alone, a mapping tries a poison record for as long as the stream keeps it."""
    for mapping in platform.all(MAPPING):
        given = mapping.properties
        if not {"StartingPosition"} & given.keys() and "Stream" not in str(given["EventSourceArn"]):
            continue
        if not 0 < given.get("MaximumRetryAttempts", -1) <= 100:
            yield f"{mapping}: retries are not bounded"
        stream = stream_of(platform, mapping)
        retained = stream.properties.get("RetentionPeriodHours", 24) * 3600 if stream else DAY
        if not 60 <= given.get("MaximumRecordAgeInSeconds", -1) < retained:
            yield f"{mapping}: the age of records is not bounded below what the stream keeps"
        if given.get("BisectBatchOnFunctionError") is not True:
            yield f"{mapping}: one bad record takes its batch along"
        if given.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{mapping}: partial failures are not reported"
        if given.get("StartingPosition") != "TRIM_HORIZON":
            yield f"{mapping}: records written before it existed are passed over"
        on_failure = given.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        if platform.referred(mapping.stack, on_failure) is None:
            yield f"{mapping}: what it gives up on is lost"


def stream_of(platform: Platform, mapping: Resource) -> Resource | None:
    """The Kinesis stream that a mapping reads, itself or by a consumer."""
    source = platform.referred(mapping.stack, mapping.properties["EventSourceArn"])
    if source is not None and source.kind == CONSUMER:
        source = platform.referred(source.stack, source.properties["StreamARN"])
    return source if source is not None and source.kind == STREAM else None


def projections(platform: Platform) -> Iterator[Resource]:
    """The mappings that read a Kinesis stream."""
    return (mapping for mapping in platform.all(MAPPING) if stream_of(platform, mapping))


@check
def projection_has_failure_destination_and_alarms(platform: Platform) -> Iterator[str]:
    for mapping in projections(platform):
        given = mapping.properties
        function = platform.referred(mapping.stack, given["FunctionName"])
        if function is None:
            yield f"{mapping}: it feeds no function of its stack"
            continue
        for name in ("ParallelizationFactor", "MaximumBatchingWindowInSeconds", "BatchSize"):
            if not given.get(name):
                yield f"{mapping}: {name} is left to the default"
        on_failure = given.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        bucket = platform.referred(mapping.stack, on_failure)
        if bucket is None or bucket.kind != BUCKET:
            yield f"{mapping}: of what it gives up on only a pointer is kept"
        variables = function.properties["Environment"]["Variables"]
        dead_letters_arn = platform.referred(mapping.stack, variables.get("DEAD_LETTER_QUEUE_URL"))
        if dead_letters_arn is None or dead_letters_arn.kind != QUEUE or _is_fifo(dead_letters_arn):
            yield f"{mapping}: its function has no place for poison"
        uses = {"Name": "EventSourceMappingUUID", "Value": {"Ref": mapping.id}}
        runs = {"Name": "FunctionName", "Value": {"Ref": function.id}}
        watched = {
            "OnFailureDestinationDeliveredEventCount": (uses, 0),
            "IteratorAge": (runs, 900_000),
        }
        if given.get("MetricsConfig") != {"Metrics": ["EventCount"]}:
            yield f"{mapping}: it does not count what it gives up on"
        for metric, (dimension, threshold) in watched.items():
            if not any(
                alarm.stack == mapping.stack
                and alarm.properties["MetricName"] == metric
                and alarm.properties["Dimensions"] == [dimension]
                and alarm.properties["Threshold"] == threshold
                and alarm.properties["ComparisonOperator"] == "GreaterThanThreshold"
                and alarm.properties.get("AlarmActions")
                for alarm in platform.all(ALARM)
            ):
                yield f"{mapping}: no alarm rings by its {metric}"


@check
def projection_uses_configured_fan_out(platform: Platform) -> Iterator[str]:
    for mapping in projections(platform):
        source = platform.referred(mapping.stack, mapping.properties["EventSourceArn"])
        if (
            source is not None and source.kind == CONSUMER
        ) != platform.environment.enhanced_fan_out:
            yield f"{mapping}: it reads {source}"


@check
def stream_is_retained_and_encrypted(platform: Platform) -> Iterator[str]:
    for stream in platform.all(STREAM):
        given = stream.properties
        if given.get("RetentionPeriodHours", 24) < 4 * 24:
            yield f"{stream}: what nobody reads over a long weekend is lost"
        if given.get("StreamEncryption") != {
            "EncryptionType": "KMS",
            "KeyId": "alias/aws/kinesis",
        }:
            yield f"{stream}: it is not encrypted with AWS's key"
        shards = platform.environment.shards
        mode = "PROVISIONED" if shards else "ON_DEMAND"
        if given.get("StreamModeDetails") != {"StreamMode": mode}:
            yield f"{stream}: its mode is not {mode}"
        if given.get("ShardCount") != (shards and shards[0]):
            yield f"{stream}: it has {given.get('ShardCount')} shards"


@check
def stream_is_partitioned_by_subject(platform: Platform) -> Iterator[str]:
    """The facts of a subject are then in one shard, in the order in which they came."""
    for rule in platform.all(RULE):
        for target in rule.properties["Targets"]:
            stream = platform.referred(rule.stack, target["Arn"])
            if stream is not None and stream.kind == STREAM:
                path = target.get("KinesisParameters", {}).get("PartitionKeyPath")
                via_destination = rule.properties["EventPattern"].get("source") == [
                    DESTINATION_SOURCE
                ]
                detail = "$.detail.responsePayload" if via_destination else "$.detail"
                if path != f"{detail}.metadata.subject":
                    yield f"{rule}: it spreads events by {path}"


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
            yield f"{bucket}: what is in it stays for ever"
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


@check
def schedule_has_retries_and_dead_letter_queue(platform: Platform) -> Iterator[str]:
    """Scheduler calls a function asynchronously: both of them can give up."""
    for schedule in platform.all(SCHEDULE):
        target = schedule.properties["Target"]
        queue = target.get("DeadLetterConfig", {}).get("Arn")
        if platform.referred(schedule.stack, queue) is None:
            yield f"{schedule}: a call that could not be made is lost"
        if {"MaximumEventAgeInSeconds", "MaximumRetryAttempts"} - target.get(
            "RetryPolicy", {}
        ).keys():
            yield f"{schedule}: retries are not bounded"
        if schedule.properties["FlexibleTimeWindow"]["Mode"] != "FLEXIBLE":
            yield f"{schedule}: it fires with all others at the full minute"
        function = platform.referred(schedule.stack, target["Arn"])
        configs = [
            config.properties
            for config in platform.all(INVOKE_CONFIG)
            if platform.referred(config.stack, config.properties["FunctionName"]) == function
        ]
        if not any(
            {"MaximumRetryAttempts", "MaximumEventAgeInSeconds"} <= config.keys()
            and "OnFailure" in config.get("DestinationConfig", {})
            for config in configs
        ):
            yield f"{schedule}: a failed run of its function is lost"


@check
def function_of_a_rule_has_failure_destination(platform: Platform) -> Iterator[str]:
    """EventBridge calls a function asynchronously: once it has handed over, Lambda can give up."""
    for rule in platform.all(RULE):
        for target in rule.properties["Targets"]:
            function = platform.referred(rule.stack, target["Arn"])
            if function is not None and function.kind == FUNCTION:
                yield from _without_failure_destination(platform, function)


@check
def function_of_a_destination_has_failure_destination(platform: Platform) -> Iterator[str]:
    for config in platform.all(INVOKE_CONFIG):
        for destination in config.properties["DestinationConfig"].values():
            called = platform.referred(config.stack, destination["Destination"])
            if called is not None and called.kind == FUNCTION:
                yield from _without_failure_destination(platform, called)
            if called is not None and _is_fifo(called):
                yield f"{config}: Lambda tells no FIFO queue or topic, such as {called.id}"


def _without_failure_destination(platform: Platform, function: Resource) -> Iterator[str]:
    configs = [
        config.properties
        for config in platform.all(INVOKE_CONFIG)
        if platform.referred(config.stack, config.properties["FunctionName"]) == function
    ]
    if not any(
        {"MaximumRetryAttempts", "MaximumEventAgeInSeconds"} <= config.keys()
        and "OnFailure" in config["DestinationConfig"]
        for config in configs
    ):
        yield f"{function}: events that it fails at are lost"


@check
def async_function_keeps_failed_events_in_a_queue(platform: Platform) -> Iterator[str]:
    """A record in a topic is read and gone: what is to be put back has to be in a queue."""
    for config in platform.all(INVOKE_CONFIG):
        function = platform.referred(config.stack, config.properties["FunctionName"])
        failure = config.properties["DestinationConfig"].get("OnFailure", {}).get("Destination")
        retained = function and function.properties.get("DeadLetterConfig", {}).get("TargetArn")
        places = [platform.referred(config.stack, place) for place in (failure, retained)]
        if not any(place is not None and place.kind == QUEUE for place in places):
            yield f"{function}: what it fails at is in no queue"


# Data


@check
def data_is_retained_only_in_prod(platform: Platform) -> Iterator[str]:
    keep = platform.environment.name == "prod"
    policy = "Retain" if keep else "Delete"
    for resource in platform.all(TABLE, DSQL, USER_POOL, STREAM, BUCKET):
        if resource.kind in (STREAM, BUCKET):
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
        for name in ("DeletionPolicy", "UpdateReplacePolicy"):
            if resource.declaration.get(name) != policy:
                yield f"{resource}: its {name} is {resource.declaration.get(name)}"


@check
def only_data_is_retained(platform: Platform) -> Iterator[str]:
    """What stays and has a name of ours keeps the next deployment from making it again."""
    for resource in platform.all():
        data = resource.kind in (TABLE, DSQL, USER_POOL, STREAM, BUCKET, ARCHIVE)
        if not data and resource.declaration.get("DeletionPolicy", "Delete") != "Delete":
            yield f"{resource}: it holds no data, and stays when its stack goes"


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
            if resource.kind == BUS or (resource.kind == RULE and is_catch_all(resource, platform)):
                continue
            if resource.kind == LOG_GROUP and re.match(r"/aws/(events|vendedlogs)/", str(value)):
                continue
            yield f"{resource}: {name} {value!r} is not a contract"


# The API


@check
def route_requires_a_token(platform: Platform) -> Iterator[str]:
    for route in platform.all(ROUTE):
        authorizer = platform.referred(route.stack, route.properties.get("AuthorizerId"))
        if (
            route.properties.get("AuthorizationType") != "JWT"
            or authorizer is None
            or authorizer.properties["AuthorizerType"] != "JWT"
        ):
            yield f"{route}: anybody may call {route.properties['RouteKey']}"


@check
def authorizer_names_pool_and_client(platform: Platform) -> Iterator[str]:
    for authorizer in platform.all(AUTHORIZER):
        tokens = authorizer.properties["JwtConfiguration"]
        issuer = tokens["Issuer"]["Fn::Join"][1]
        pool = [platform.referred(authorizer.stack, part) for part in issuer]
        if not any(resource is not None and resource.kind == USER_POOL for resource in pool):
            yield f"{authorizer}: it takes tokens that are not of our user pool"
        if not tokens.get("Audience"):
            yield f"{authorizer}: it takes tokens made for any client"


@check
def machine_client_requires_scope(platform: Platform) -> Iterator[str]:
    """Its token has a subject too, by which it would be taken for a customer."""
    for route in platform.all(ROUTE):
        authorizer = platform.referred(route.stack, route.properties.get("AuthorizerId"))
        if authorizer is None:
            continue
        clients = [
            platform.referred(route.stack, client)
            for client in authorizer.properties["JwtConfiguration"].get("Audience", [])
        ]
        machines = [c for c in clients if c is not None and c.properties.get("GenerateSecret")]
        if bool(machines) != bool(route.properties.get("AuthorizationScopes")):
            yield f"{route}: {route.properties['RouteKey']} lets in whom it should not"


@check
def api_stage_is_throttled_and_logged(platform: Platform) -> Iterator[str]:
    for stage in platform.all(STAGE):
        settings = stage.properties.get("DefaultRouteSettings", {})
        for name in ("ThrottlingRateLimit", "ThrottlingBurstLimit"):
            if not settings.get(name):
                yield f"{stage}: {name} is not set"
        if not stage.properties.get("AccessLogSettings", {}).get("DestinationArn"):
            yield f"{stage}: it keeps no access log"


# Sagas


@check
def task_has_timeout_retry_and_catch(platform: Platform) -> Iterator[str]:
    for machine in platform.all(MACHINE):
        states = definition(machine)["States"]
        for name, state in states.items():
            if state["Type"] != "Task":
                continue
            if not state.get("TimeoutSeconds"):
                yield f"{machine}: {name} may take for ever"
            if not any(
                retry["ErrorEquals"] == ["States.ALL"]
                and retry.get("JitterStrategy") == "FULL"
                and retry.get("MaxDelaySeconds")
                and retry.get("MaxAttempts", 0) > 0
                for retry in state.get("Retry", [])
            ):
                yield f"{machine}: {name} is not retried with bounded back-off and full jitter"
            caught = any(c["ErrorEquals"] == ["States.ALL"] for c in state.get("Catch", []))
            # There is nothing left to try when the last state before Fail fails as well.
            if not caught and states.get(state.get("Next"), {}).get("Type") != "Fail":
                yield f"{machine}: {name} does not catch every error"


@check
def task_timeout_exceeds_function_timeout(platform: Platform) -> Iterator[str]:
    """A state that gives up first would undo, or try again, what is still being done."""
    for machine in platform.all(MACHINE):
        for name, state in definition(machine)["States"].items():
            if not state.get("Resource", "").endswith("lambda:invoke"):
                continue
            function = invoked(platform, machine, state)
            if function.properties["Timeout"] >= state["TimeoutSeconds"]:
                yield f"{machine}: {name} gives up before {function.id} does"


def invoked(platform: Platform, machine: Resource, state: Any) -> Resource:
    """The function that a state invokes."""
    stack, _, output = state["Arguments"]["FunctionName"].strip("${}").partition("/")
    value = {"Fn::GetStackOutput": {"StackName": stack, "OutputName": output}}
    function = platform.referred(machine.stack, value)
    if function is None or function.kind != FUNCTION:
        raise LookupError(f"{machine} invokes no function of ours: {state['Arguments']}")
    return function

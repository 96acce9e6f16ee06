"""Every check holds on both environments, and fails when its subject is broken."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from stacks.environments import ENVIRONMENTS
from tests.templates import checks
from tests.templates.checks import CHECKS, Check, is_catch_all, statements
from tests.templates.synthesis import Platform, Resource, definition, platform

Breakage = Callable[[Platform], Resource]
"""Breaks something in a copy of the templates; returns the resource that has to be named."""


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_holds(check: Check, environment: str):
    assert list(check(platform(environment))) == []


def change(kind: str, containing: str = "", /, *gone: str, **changed: Any) -> Breakage:
    """Change, or take away, properties of the first such resource."""

    def break_it(broken: Platform) -> Resource:
        resource = next(r for r in broken.all(kind) if containing in r.id)
        resource.properties.update(changed)
        for name in gone:
            resource.properties.pop(name)
        return resource

    return break_it


def change_rule(**changed: Any) -> Breakage:
    """Change the catch-all."""

    def break_it(broken: Platform) -> Resource:
        rule = next(r for r in broken.all(checks.RULE) if is_catch_all(r, broken))
        rule.properties.update(changed)
        return rule

    return break_it


def change_target(*gone: str) -> Breakage:
    def break_it(broken: Platform) -> Resource:
        rule = broken.one(checks.RULE, "StartFulfilment")
        for name in gone:
            rule.properties["Targets"][0].pop(name)
        return rule

    return break_it


def change_schedule(*gone: str) -> Breakage:
    def break_it(broken: Platform) -> Resource:
        schedule = next(broken.all(checks.SCHEDULE))
        for name in gone:
            schedule.properties["Target"].pop(name)
        return schedule

    return break_it


def remove_schedule_failure_destination(broken: Platform) -> Resource:
    schedule = next(broken.all(checks.SCHEDULE))
    (config,) = (c for c in broken.all(checks.INVOKE_CONFIG) if c.stack == schedule.stack)
    config.properties["DestinationConfig"] = {}
    return schedule


def change_dead_letter_policy(broken: Platform) -> Resource:
    rule = broken.one(checks.RULE, "StartFulfilment")
    policy = broken.one(checks.QUEUE_POLICY, "StartFulfilment")
    statements(policy)[1]["Condition"]["ArnEquals"]["aws:SourceArn"] = "*"
    return rule


def map_replay_queue_to_function(broken: Platform) -> Resource:
    """Let a function be fed from the queue for replayed events."""
    rule = broken.one(checks.RULE, "Replays")
    queue = {"StackName": rule.stack, "OutputName": "ReplayQueueUrl"}
    change(checks.MAPPING, EventSourceArn={"Fn::GetStackOutput": queue})(broken)
    return rule


def make_dead_letter_queue_fifo(broken: Platform) -> Resource:
    broken.one(checks.QUEUE, "StartFulfilment").properties["FifoQueue"] = True
    return broken.one(checks.RULE, "StartFulfilment")


def publish_as_another(broken: Platform) -> Resource:
    """Let purchasing tell what inventory owns."""
    topic = broken.one(checks.SUBSCRIPTION, "LowStock").properties["TopicArn"]
    return grant("RaisePurchaseOrders", Action="sns:Publish", Resource=topic)(broken)


def break_subscription_queue(queue: str, **changed: Any) -> Breakage:
    """Change a queue to which a subscription delivers, or in which it parks."""

    def break_it(broken: Platform) -> Resource:
        change(checks.QUEUE, queue, **changed)(broken)
        return broken.one(checks.SUBSCRIPTION, "LowStock")

    return break_it


def remove_sns_permission(policy: str) -> Breakage:
    def break_it(broken: Platform) -> Resource:
        document = broken.one(checks.QUEUE_POLICY, policy).properties["PolicyDocument"]
        document["Statement"] = [s for s in document["Statement"] if s["Effect"] == "Deny"]
        return broken.one(checks.SUBSCRIPTION, "LowStock")

    return break_it


def break_source(edit: Callable[[Any], object]) -> Breakage:
    """Change the queue that purchasing reads."""

    def break_it(broken: Platform) -> Resource:
        edit(broken.one(checks.QUEUE, "LowStockQueue").properties)
        return broken.one(checks.MAPPING, "RaisePurchaseOrders")

    return break_it


def use_another_dead_letter_queue(broken: Platform) -> Resource:
    undelivered = broken.one(checks.QUEUE, "LowStockUndelivered")
    function = broken.one(checks.FUNCTION, "RaisePurchaseOrders")
    function.properties["Environment"]["Variables"]["DEAD_LETTER_QUEUE_URL"] = {
        "Ref": undelivered.id
    }
    return broken.one(checks.MAPPING, "RaisePurchaseOrders")


def log_elsewhere(broken: Platform) -> Resource:
    broken.one(checks.LOG_GROUP, "EventLog").properties["LogGroupName"] = "/elsewhere"
    return next(r for r in broken.all(checks.RULE) if is_catch_all(r, broken))


def grant(role: str, **changed: Any) -> Breakage:
    """Change the last statement of what a role may do."""

    def break_it(broken: Platform) -> Resource:
        found = next(r for r in broken.all(checks.ROLE) if role in r.id)
        (policy, *_) = checks.policies_of(broken, found)
        statements(policy)[-1].update(changed)
        return found

    return break_it


def take_from_policy(kind: str, containing: str, effect: str, owner: str) -> Breakage:
    """Take the statements of this effect from a resource policy."""

    def break_it(broken: Platform) -> Resource:
        document = broken.one(kind, containing).properties["PolicyDocument"]
        document["Statement"] = [s for s in document["Statement"] if s["Effect"] != effect]
        return broken.one(owner, containing.removesuffix("Policy"))

    return break_it


def remove_source_conditions(kind: str, containing: str) -> Breakage:
    """Let AWS's services act for anybody."""

    def break_it(broken: Platform) -> Resource:
        policy = broken.one(kind, containing)
        for statement in statements(policy):
            if statement["Effect"] == "Allow":
                statement.pop("Condition")
        return policy

    return break_it


def silence(**changed: Any) -> Breakage:
    """Change the alarm of the repair queue."""

    def break_it(broken: Platform) -> Resource:
        broken.one(checks.ALARM, "Repair").properties.update(changed)
        return broken.one(checks.QUEUE, "Repair")

    return break_it


def repeat_alarm_description(broken: Platform) -> Resource:
    """Let an alarm read like the one before it in its stack."""
    stack = broken.environment.stack_name("Orders")
    first, second, *_ = (a for a in broken.all(checks.ALARM) if a.stack == stack)
    second.properties["AlarmDescription"] = first.properties["AlarmDescription"]
    return second


def break_saga_alarm(**changed: Any) -> Breakage:
    """Change an alarm of the fulfilment saga."""

    def break_it(broken: Platform) -> Resource:
        broken.one(checks.ALARM, "FulfilmentAborted").properties.update(changed)
        return broken.one(checks.MACHINE, "Fulfilment")

    return break_it


def raise_age_threshold(broken: Platform) -> Resource:
    broken.one(checks.ALARM, "LowStockBehind").properties["Threshold"] = 86_400
    return broken.one(checks.QUEUE, "LowStockQueue")


def share(name: str) -> Breakage:
    """Let two functions have one role or log group."""

    def break_it(broken: Platform) -> Resource:
        first, second = (broken.one(checks.FUNCTION, id) for id in ("PlaceOrder", "GetOrder"))
        second.properties[name] = first.properties[name]
        return second

    return break_it


def retain(kind: str, **changed: Any) -> Breakage:
    """Change how the resource itself is declared, beside its properties."""

    def break_it(broken: Platform) -> Resource:
        resource = next(broken.all(kind))
        resource.declaration.update(changed)
        return resource

    return break_it


def change_replica(**changed: Any) -> Breakage:
    def break_it(broken: Platform) -> Resource:
        table = next(broken.all(checks.TABLE))
        table.properties["Replicas"][0].update(changed)
        return table

    return break_it


def change_state(state: str, edit: Callable[[Any], object]) -> Breakage:
    """Change a state of the saga."""

    def break_it(broken: Platform) -> Resource:
        machine = next(broken.all(checks.MACHINE))
        changed = definition(machine)
        edit(changed["States"][state])
        machine.properties["DefinitionString"] = {"Fn::Join": ["", [json.dumps(changed)]]}
        return machine

    return break_it


def slow_down(broken: Platform) -> Resource:
    broken.one(checks.FUNCTION, "TakePayment").properties["Timeout"] = 60
    return next(broken.all(checks.MACHINE))


def add(stack: str, id: str, kind: str) -> Breakage:
    """Add a resource without any property."""

    def break_it(broken: Platform) -> Resource:
        name = broken.environment.stack_name(stack)
        declaration = {"Type": kind, "Properties": {}}
        broken.templates[name]["Resources"][id] = declaration
        return Resource(stack=name, id=id, declaration=declaration)

    return break_it


def change_target_of_stream(broken: Platform) -> Resource:
    rule = broken.one(checks.RULE, "ToOrderStream")
    rule.properties["Targets"][0].pop("KinesisParameters")
    return rule


def break_edge(edit: Callable[[Platform], object]) -> Breakage:
    """Break something around the mapping that feeds the timelines."""

    def break_it(broken: Platform) -> Resource:
        edit(broken)
        return broken.one(checks.MAPPING, "UpdateTimelines")

    return break_it


def read_a_consumer(broken: Platform) -> Resource:
    mapping = broken.one(checks.MAPPING, "UpdateTimelines")
    consumer = {"StreamARN": mapping.properties["EventSourceArn"]}
    broken.templates[mapping.stack]["Resources"]["Consumer"] = {
        "Type": checks.CONSUMER,
        "Properties": consumer,
    }
    mapping.properties["EventSourceArn"] = {"Fn::GetAtt": ["Consumer", "ConsumerARN"]}
    return mapping


def mix_clients_in_one_authorizer(broken: Platform) -> Resource:
    customers, operators = (
        next(a for a in broken.all(checks.AUTHORIZER) if id in a.id)
        for id in ("QueriesApiCustomers", "QueriesApiOperators")
    )
    audience = customers.properties["JwtConfiguration"]["Audience"]
    audience += operators.properties["JwtConfiguration"]["Audience"]
    routes = broken.all(checks.ROUTE)
    for route in [r for r in routes if r.id.startswith("QueriesApiGETorders")][1:]:
        broken.templates[route.stack]["Resources"].pop(route.id)
    broken.templates[customers.stack]["Resources"].pop(
        broken.one(checks.ROUTE, "QueriesApiGETproducts").id
    )
    return broken.one(checks.ROUTE, "QueriesApiGETorders")


def remove_failure_destination(function: str) -> Breakage:
    """Leave what becomes of a function's failures to the default."""

    def break_it(broken: Platform) -> Resource:
        config = broken.one(checks.INVOKE_CONFIG, function)
        config.properties["DestinationConfig"].pop("OnFailure")
        return broken.one(checks.FUNCTION, function)

    return break_it


def send_failures_to_fifo(broken: Platform) -> Resource:
    broken.one(checks.QUEUE, "NotifyCustomerFailureRecords").properties["FifoQueue"] = True
    return broken.one(checks.INVOKE_CONFIG, "NotifyCustomer")


def without(*names: str) -> Callable[[Any], object]:
    def edit(state: Any) -> None:
        for name in names:
            state.pop(name)

    return edit


BREAKAGES: list[tuple[Check, Breakage]] = [
    (checks.rule_target_has_retries_and_dead_letter_queue, change_target("RetryPolicy")),
    (checks.rule_target_has_retries_and_dead_letter_queue, change_target("DeadLetterConfig")),
    (checks.rule_target_has_retries_and_dead_letter_queue, change_dead_letter_policy),
    (checks.rule_target_has_retries_and_dead_letter_queue, make_dead_letter_queue_fifo),
    (
        checks.rule_ignores_replayed_events,
        change(
            checks.RULE, "AlertOrderNeedsAttention", EventPattern={"source": ["com.aws.orders"]}
        ),
    ),
    (
        checks.rule_ignores_replayed_events,
        change(
            checks.RULE,
            "ToOrderStream",
            EventPattern={"source": ["com.aws.orders"], "replay-name": [{"exists": True}]},
        ),
    ),
    (checks.rule_ignores_replayed_events, map_replay_queue_to_function),
    (checks.catch_all_rule_is_as_in_the_tutorial, change_rule(Description="Catches all")),
    (checks.catch_all_rule_is_as_in_the_tutorial, change_rule(State="DISABLED")),
    (
        checks.catch_all_rule_is_as_in_the_tutorial,
        change_rule(
            EventPattern={"source": ["com.aws.orders"], "replay-name": [{"exists": False}]}
        ),
    ),
    (checks.catch_all_rule_is_as_in_the_tutorial, log_elsewhere),
    (checks.bus_is_named_orders_only_in_dev, change(checks.BUS, Name="Bestellungen")),
    (
        checks.put_events_is_limited_to_own_source,
        grant("RepublishStalled", Condition={"StringLike": {"events:source": "com.aws.*"}}),
    ),
    (checks.put_events_is_limited_to_own_source, grant("RepublishStalled", Resource="*")),
    (checks.only_the_owner_publishes_to_a_topic, publish_as_another),
    (
        checks.fifo_is_high_throughput,
        change(checks.TOPIC, "Changes", FifoThroughputScope="Topic"),
    ),
    (
        checks.fifo_is_high_throughput,
        change(checks.TOPIC, "Changes", ContentBasedDeduplication=True),
    ),
    *(
        (checks.fifo_is_high_throughput, change(checks.QUEUE, queue, name))
        for queue in ("LowStockQueue", "LowStockDeadLetters", "LowStockUndelivered")
        for name in ("DeduplicationScope", "FifoThroughputLimit")
    ),
    *(
        (
            checks.subscription_has_filter_and_dead_letter_queue,
            change(checks.SUBSCRIPTION, "", name),
        )
        for name in ("RawMessageDelivery", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy")
    ),
    *(
        (
            checks.subscription_has_filter_and_dead_letter_queue,
            break_subscription_queue(queue, **changed),
        )
        for queue in ("LowStockQueue", "LowStockUndelivered")
        for changed in (
            {"FifoQueue": False},
            {"KmsMasterKeyId": "alias/ours"},
            {"MessageRetentionPeriod": 345_600},
        )
    ),
    *(
        (checks.subscription_has_filter_and_dead_letter_queue, remove_sns_permission(policy))
        for policy in ("LowStockQueuePolicy", "LowStockUndeliveredPolicy")
    ),
    *(
        (checks.queue_mapping_is_bounded, change(checks.MAPPING, "RaisePurchaseOrders", *gone))
        for gone in (("FunctionResponseTypes",), ("ScalingConfig",))
    ),
    (
        checks.queue_mapping_is_bounded,
        change(checks.MAPPING, "RaisePurchaseOrders", MaximumBatchingWindowInSeconds=5),
    ),
    *(
        (checks.queue_mapping_is_bounded, break_source(edit))
        for edit in (
            lambda queue: queue.pop("VisibilityTimeout"),
            lambda queue: queue.pop("RedrivePolicy"),
            lambda queue: queue["RedrivePolicy"].update(maxReceiveCount=1),
            lambda queue: queue["RedrivePolicy"].update(maxReceiveCount=1_000),
        )
    ),
    (checks.queue_mapping_is_bounded, use_another_dead_letter_queue),
    (
        checks.there_is_one_logs_resource_policy,
        add("Orders", "Another", checks.LOG_POLICY),
    ),
    (checks.log_group_has_retention, change(checks.LOG_GROUP, "", "RetentionInDays")),
    (
        checks.no_role_creates_log_groups,
        grant("GetOrder", Action=["logs:CreateLogGroup", "logs:PutLogEvents"]),
    ),
    (
        checks.aws_service_logs_are_vended,
        change(checks.STAGE, "", "AccessLogSettings"),
    ),
    (checks.aws_service_logs_are_vended, change(checks.MACHINE, "", "LoggingConfiguration")),
    (checks.function_has_own_role_and_log_group, change(checks.FUNCTION, Architectures=["x86_64"])),
    (checks.function_has_own_role_and_log_group, change(checks.FUNCTION, Runtime="python3.9")),
    (checks.function_has_own_role_and_log_group, change(checks.FUNCTION, "", "TracingConfig")),
    (checks.function_has_own_role_and_log_group, change(checks.FUNCTION, "", "Timeout")),
    (checks.function_has_own_role_and_log_group, change(checks.FUNCTION, "", "MemorySize")),
    (checks.function_has_own_role_and_log_group, change(checks.FUNCTION, "", "LoggingConfig")),
    (checks.function_has_own_role_and_log_group, share("Role")),
    (checks.function_has_own_role_and_log_group, share("LoggingConfig")),
    (
        checks.function_has_all_its_settings,
        change(checks.FUNCTION, "GetOrder", "Environment"),
    ),
    (
        checks.no_role_has_managed_policies,
        change(checks.ROLE, "GetOrder", ManagedPolicyArns=["AWSLambdaBasicExecutionRole"]),
    ),
    (checks.permissions_have_no_wildcards, grant("GetOrder", Action="dynamodb:*")),
    (checks.permissions_have_no_wildcards, grant("GetOrder", Resource="*")),
    (
        checks.permissions_have_no_wildcards,
        grant("GetOrder", Resource={"Fn::Join": ["", ["arn:aws:dynamodb:::table/", "*"]]}),
    ),
    (checks.permissions_have_no_wildcards, change(checks.ROLE, "GetOrder", Policies=[{}])),
    (
        checks.database_is_used_only_by_its_service,
        grant("GetOrder", Resource={"Fn::ImportValue": "TheStockTable"}),
    ),
    (
        checks.resource_policy_has_source_condition,
        remove_source_conditions(checks.QUEUE_POLICY, "CatchAll"),
    ),
    (
        checks.resource_policy_has_source_condition,
        remove_source_conditions(checks.TOPIC_POLICY, "Topic"),
    ),
    (checks.resource_policy_has_source_condition, change(checks.PERMISSION, "", "SourceArn")),
    (
        checks.queue_and_topic_require_tls,
        take_from_policy(checks.QUEUE_POLICY, "RepairPolicy", "Deny", checks.QUEUE),
    ),
    (
        checks.queue_and_topic_require_tls,
        take_from_policy(checks.TOPIC_POLICY, "TopicPolicy", "Deny", checks.TOPIC),
    ),
    *(
        (
            checks.queue_keeps_messages_for_fourteen_days,
            change(checks.QUEUE, queue, MessageRetentionPeriod=345_600),
        )
        for queue in ("Repair", "PickingE9B423F6")
    ),
    (
        checks.alarm_description_is_unique,
        change(checks.ALARM, "Repair", AlarmDescription="Queue is not empty"),
    ),
    (checks.alarm_description_is_unique, repeat_alarm_description),
    (checks.queue_has_alarm, silence(AlarmActions=[])),
    (checks.queue_has_alarm, silence(ActionsEnabled=False)),
    (checks.queue_has_alarm, silence(Threshold=100)),
    (checks.queue_has_alarm, silence(Dimensions=[])),
    (checks.queue_has_alarm, silence(TreatMissingData="notBreaching")),
    (checks.queue_has_alarm, silence(MetricName="ApproximateAgeOfOldestMessage")),
    (checks.queue_has_alarm, raise_age_threshold),
    (checks.state_machine_has_failure_alarms, break_saga_alarm(AlarmActions=[])),
    (checks.state_machine_has_failure_alarms, break_saga_alarm(Threshold=5)),
    (checks.state_machine_has_failure_alarms, break_saga_alarm(Dimensions=[])),
    (checks.state_machine_has_failure_alarms, break_saga_alarm(MetricName="X")),
    (
        checks.topic_lets_alarms_publish,
        take_from_policy(checks.TOPIC_POLICY, "TopicPolicy", "Allow", checks.TOPIC),
    ),
    *(
        (checks.stream_mapping_is_bounded, change(checks.MAPPING, "", name))
        for name in (
            "MaximumRetryAttempts",
            "MaximumRecordAgeInSeconds",
            "BisectBatchOnFunctionError",
            "FunctionResponseTypes",
            "DestinationConfig",
        )
    ),
    (checks.stream_mapping_is_bounded, change(checks.MAPPING, MaximumRetryAttempts=-1)),
    *(
        (checks.schedule_has_retries_and_dead_letter_queue, change_schedule(name))
        for name in ("DeadLetterConfig", "RetryPolicy")
    ),
    (
        checks.schedule_has_retries_and_dead_letter_queue,
        change(checks.SCHEDULE, FlexibleTimeWindow={"Mode": "OFF"}),
    ),
    (checks.schedule_has_retries_and_dead_letter_queue, remove_schedule_failure_destination),
    (checks.stream_mapping_is_bounded, change(checks.MAPPING, StartingPosition="LATEST")),
    *(
        (checks.data_is_retained_only_in_prod, retain(kind, DeletionPolicy="Snapshot"))
        for kind in (checks.TABLE, checks.DSQL, checks.USER_POOL)
    ),
    (checks.data_is_retained_only_in_prod, retain(checks.TABLE, UpdateReplacePolicy="")),
    (
        checks.data_is_retained_only_in_prod,
        change_replica(DeletionProtectionEnabled="perhaps"),
    ),
    (
        checks.data_is_retained_only_in_prod,
        change(checks.DSQL, DeletionProtectionEnabled="perhaps"),
    ),
    (checks.only_data_is_retained, retain(checks.TOPIC, DeletionPolicy="Retain")),
    (
        checks.table_has_point_in_time_recovery,
        change_replica(PointInTimeRecoverySpecification={}),
    ),
    (
        checks.physical_names_are_contracts,
        change(checks.QUEUE, QueueName="parked"),
    ),
    (
        checks.physical_names_are_contracts,
        change(checks.RULE, "AlertOrderNeedsAttention", Name="AlertOrderNeedsAttention"),
    ),
    (
        checks.physical_names_are_contracts,
        change(checks.LOG_GROUP, "GetOrder", LogGroupName="/aws/lambda/GetOrder"),
    ),
    (
        checks.permissions_have_no_wildcards,
        grant("UpdateTimelines", Action="s3:PutObject", Resource="*"),
    ),
    (
        checks.stream_mapping_is_bounded,
        change(checks.MAPPING, "UpdateTimelines", MaximumRecordAgeInSeconds=7 * checks.DAY),
    ),
    *(
        (
            checks.projection_has_failure_destination_and_alarms,
            change(checks.MAPPING, "UpdateTimelines", name),
        )
        for name in (
            "ParallelizationFactor",
            "MaximumBatchingWindowInSeconds",
            "BatchSize",
            "DestinationConfig",
            "MetricsConfig",
        )
    ),
    *(
        (checks.projection_has_failure_destination_and_alarms, break_edge(edit))
        for edit in (
            change(checks.FUNCTION, "UpdateTimelines", Environment={"Variables": {}}),
            change(checks.QUEUE, "TimelinesProjectionDeadLetters", FifoQueue=True),
            change(checks.ALARM, "TimelinesProjectionBatchesDeadLettered", Threshold=10),
            change(checks.ALARM, "TimelinesProjectionBatchesDeadLettered", AlarmActions=[]),
            change(checks.ALARM, "TimelinesProjectionBehind", MetricName="Errors"),
            change(checks.ALARM, "TimelinesProjectionBehind", Dimensions=[]),
        )
    ),
    (checks.projection_uses_configured_fan_out, read_a_consumer),
    *(
        (checks.stream_is_retained_and_encrypted, change(checks.STREAM, "", **changed))
        for changed in (
            {"RetentionPeriodHours": 24},
            {"StreamEncryption": {"EncryptionType": "KMS", "KeyId": "ours"}},
            {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}},
            {"ShardCount": 9},
        )
    ),
    (checks.stream_is_partitioned_by_subject, change_target_of_stream),
    *(
        (checks.bucket_is_private_and_expires, change(checks.BUCKET, "", name))
        for name in (
            "PublicAccessBlockConfiguration",
            "BucketEncryption",
            "LifecycleConfiguration",
        )
    ),
    (
        checks.bucket_is_private_and_expires,
        take_from_policy(
            checks.BUCKET_POLICY, "ProjectionDeadLettersPolicy", "Deny", checks.BUCKET
        ),
    ),
    *(
        (checks.data_is_retained_only_in_prod, retain(kind, DeletionPolicy="Snapshot"))
        for kind in (checks.STREAM, checks.BUCKET)
    ),
    (
        checks.machine_client_requires_scope,
        change(checks.ROUTE, "GETsales", "AuthorizationScopes"),
    ),
    (checks.machine_client_requires_scope, mix_clients_in_one_authorizer),
    (checks.route_requires_a_token, change(checks.ROUTE, AuthorizationType="NONE")),
    (checks.route_requires_a_token, change(checks.ROUTE, "", "AuthorizerId")),
    (
        checks.authorizer_names_pool_and_client,
        change(
            checks.AUTHORIZER,
            JwtConfiguration={"Issuer": {"Fn::Join": ["", ["https://else.where"]]}},
        ),
    ),
    (checks.api_stage_is_throttled_and_logged, change(checks.STAGE, "", "DefaultRouteSettings")),
    (checks.api_stage_is_throttled_and_logged, change(checks.STAGE, "", "AccessLogSettings")),
    *(
        (checks.task_has_timeout_retry_and_catch, change_state("TakePayment", edit))
        for edit in (
            without("TimeoutSeconds"),
            without("Retry"),
            without("Catch"),
            lambda state: state["Retry"][-1].pop("JitterStrategy"),
            lambda state: state["Retry"][-1].pop("MaxDelaySeconds"),
            lambda state: state["Catch"][-1].update(ErrorEquals=["States.Timeout"]),
        )
    ),
    (checks.task_timeout_exceeds_function_timeout, slow_down),
    (
        checks.function_of_a_rule_has_failure_destination,
        remove_failure_destination("NotifyCustomer"),
    ),
    (
        checks.function_of_a_destination_has_failure_destination,
        remove_failure_destination("EmailInvoice"),
    ),
    (checks.function_of_a_destination_has_failure_destination, send_failures_to_fifo),
    (
        checks.async_function_keeps_failed_events_in_a_queue,
        change(checks.FUNCTION, "IssueInvoice", "DeadLetterConfig"),
    ),
]


@pytest.mark.parametrize(
    ("check", "break_it"),
    [pytest.param(*case, id=f"{case[0].__name__}-{i}") for i, case in enumerate(BREAKAGES)],
)
def test_check_reports_breakage(check: Check, break_it: Breakage):
    broken = platform("dev").copy()
    offender = break_it(broken)

    lines = list(check(broken))

    assert lines != []
    assert all(line.startswith(f"{offender}: ") for line in lines)


def test_every_check_has_a_breakage():
    assert {check.__name__ for check in CHECKS} == {check.__name__ for check, _ in BREAKAGES}

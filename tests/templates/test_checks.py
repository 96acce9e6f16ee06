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


def lose_failed_runs(broken: Platform) -> Resource:
    schedule = next(broken.all(checks.SCHEDULE))
    (config,) = (c for c in broken.all(checks.INVOKE_CONFIG) if c.stack == schedule.stack)
    config.properties["DestinationConfig"] = {}
    return schedule


def change_dead_letter_policy(broken: Platform) -> Resource:
    rule = broken.one(checks.RULE, "StartFulfilment")
    policy = broken.one(checks.QUEUE_POLICY, "StartFulfilment")
    statements(policy)[1]["Condition"]["ArnEquals"]["aws:SourceArn"] = "*"
    return rule


def wake_by_replays(broken: Platform) -> Resource:
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


def break_end(queue: str, **changed: Any) -> Breakage:
    """Change a queue to which a subscription delivers, or in which it parks."""

    def break_it(broken: Platform) -> Resource:
        change(checks.QUEUE, queue, **changed)(broken)
        return broken.one(checks.SUBSCRIPTION, "LowStock")

    return break_it


def shut_out_sns(policy: str) -> Breakage:
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


def park_elsewhere(broken: Platform) -> Resource:
    undelivered = broken.one(checks.QUEUE, "LowStockUndelivered")
    function = broken.one(checks.FUNCTION, "RaisePurchaseOrders")
    function.properties["Environment"]["Variables"]["DEAD_LETTER_QUEUE_URL"] = {"Ref": undelivered.id}
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


def forget_sources(kind: str, containing: str) -> Breakage:
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


def silence_saga(**changed: Any) -> Breakage:
    """Change an alarm of the fulfilment saga."""

    def break_it(broken: Platform) -> Resource:
        broken.one(checks.ALARM, "FulfilmentAborted").properties.update(changed)
        return broken.one(checks.MACHINE, "Fulfilment")

    return break_it


def do_not_watch_age(broken: Platform) -> Resource:
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
        name = broken.environment.stack(stack)
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


def let_machines_in(broken: Platform) -> Resource:
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


def forget_outcomes(function: str) -> Breakage:
    """Leave what becomes of a function's failures to the default."""

    def break_it(broken: Platform) -> Resource:
        config = broken.one(checks.INVOKE_CONFIG, function)
        config.properties["DestinationConfig"].pop("OnFailure")
        return broken.one(checks.FUNCTION, function)

    return break_it


def tell_fifo(broken: Platform) -> Resource:
    broken.one(checks.QUEUE, "NotifyCustomerFailed").properties["FifoQueue"] = True
    return broken.one(checks.INVOKE_CONFIG, "NotifyCustomer")


def without(*names: str) -> Callable[[Any], object]:
    def edit(state: Any) -> None:
        for name in names:
            state.pop(name)

    return edit


BREAKAGES: list[tuple[Check, Breakage]] = [
    (checks.a_target_parks_what_cannot_be_delivered, change_target("RetryPolicy")),
    (checks.a_target_parks_what_cannot_be_delivered, change_target("DeadLetterConfig")),
    (checks.a_target_parks_what_cannot_be_delivered, change_dead_letter_policy),
    (checks.a_target_parks_what_cannot_be_delivered, make_dead_letter_queue_fifo),
    (
        checks.a_live_rule_lets_replays_pass,
        change(checks.RULE, "AlertOrderNeedsAttention", EventPattern={"source": ["com.aws.orders"]}),
    ),
    (
        checks.a_live_rule_lets_replays_pass,
        change(
            checks.RULE,
            "ToOrderStream",
            EventPattern={"source": ["com.aws.orders"], "replay-name": [{"exists": True}]},
        ),
    ),
    (checks.a_live_rule_lets_replays_pass, wake_by_replays),
    (checks.the_catch_all_is_as_the_tutorial_has_it, change_rule(Description="Catches all")),
    (checks.the_catch_all_is_as_the_tutorial_has_it, change_rule(State="DISABLED")),
    (
        checks.the_catch_all_is_as_the_tutorial_has_it,
        change_rule(
            EventPattern={"source": ["com.aws.orders"], "replay-name": [{"exists": False}]}
        ),
    ),
    (checks.the_catch_all_is_as_the_tutorial_has_it, log_elsewhere),
    (checks.the_bus_is_called_orders_in_dev_only, change(checks.BUS, Name="Bestellungen")),
    (
        checks.events_are_put_under_the_services_own_source,
        grant("RepublishStalled", Condition={"StringLike": {"events:source": "com.aws.*"}}),
    ),
    (checks.events_are_put_under_the_services_own_source, grant("RepublishStalled", Resource="*")),
    (checks.a_topic_is_published_to_by_its_service, publish_as_another),
    (
        checks.groups_do_not_wait_for_each_other,
        change(checks.TOPIC, "Changes", FifoThroughputScope="Topic"),
    ),
    (
        checks.groups_do_not_wait_for_each_other,
        change(checks.TOPIC, "Changes", ContentBasedDeduplication=True),
    ),
    *(
        (checks.groups_do_not_wait_for_each_other, change(checks.QUEUE, queue, name))
        for queue in ("LowStockQueue", "LowStockGivenUp", "LowStockUndelivered")
        for name in ("DeduplicationScope", "FifoThroughputLimit")
    ),
    *(
        (checks.a_subscription_delivers_or_parks, change(checks.SUBSCRIPTION, "", name))
        for name in ("RawMessageDelivery", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy")
    ),
    *(
        (checks.a_subscription_delivers_or_parks, break_end(queue, **changed))
        for queue in ("LowStockQueue", "LowStockUndelivered")
        for changed in (
            {"FifoQueue": False},
            {"KmsMasterKeyId": "alias/ours"},
            {"MessageRetentionPeriod": 345_600},
        )
    ),
    *(
        (checks.a_subscription_delivers_or_parks, shut_out_sns(policy))
        for policy in ("LowStockQueuePolicy", "LowStockUndeliveredPolicy")
    ),
    *(
        (checks.a_queue_is_read_within_bounds, change(checks.MAPPING, "RaisePurchaseOrders", *gone))
        for gone in (("FunctionResponseTypes",), ("ScalingConfig",))
    ),
    (
        checks.a_queue_is_read_within_bounds,
        change(checks.MAPPING, "RaisePurchaseOrders", MaximumBatchingWindowInSeconds=5),
    ),
    *(
        (checks.a_queue_is_read_within_bounds, break_source(edit))
        for edit in (
            lambda queue: queue.pop("VisibilityTimeout"),
            lambda queue: queue.pop("RedrivePolicy"),
            lambda queue: queue["RedrivePolicy"].update(maxReceiveCount=1),
            lambda queue: queue["RedrivePolicy"].update(maxReceiveCount=1_000),
        )
    ),
    (checks.a_queue_is_read_within_bounds, park_elsewhere),
    (
        checks.one_logs_resource_policy_serves_all,
        add("Orders", "Another", checks.LOG_POLICY),
    ),
    (checks.a_log_group_states_its_retention, change(checks.LOG_GROUP, "", "RetentionInDays")),
    (
        checks.no_role_may_create_log_groups,
        grant("GetOrder", Action=["logs:CreateLogGroup", "logs:PutLogEvents"]),
    ),
    (
        checks.logs_that_aws_writes_are_vended,
        change(checks.STAGE, "", "AccessLogSettings"),
    ),
    (checks.logs_that_aws_writes_are_vended, change(checks.MACHINE, "", "LoggingConfiguration")),
    (checks.a_function_stands_alone, change(checks.FUNCTION, Architectures=["x86_64"])),
    (checks.a_function_stands_alone, change(checks.FUNCTION, Runtime="python3.9")),
    (checks.a_function_stands_alone, change(checks.FUNCTION, "", "TracingConfig")),
    (checks.a_function_stands_alone, change(checks.FUNCTION, "", "Timeout")),
    (checks.a_function_stands_alone, change(checks.FUNCTION, "", "MemorySize")),
    (checks.a_function_stands_alone, change(checks.FUNCTION, "", "LoggingConfig")),
    (checks.a_function_stands_alone, share("Role")),
    (checks.a_function_stands_alone, share("LoggingConfig")),
    (
        checks.a_function_gets_the_settings_that_it_asks_for,
        change(checks.FUNCTION, "GetOrder", "Environment"),
    ),
    (
        checks.no_role_has_managed_policies,
        change(checks.ROLE, "GetOrder", ManagedPolicyArns=["AWSLambdaBasicExecutionRole"]),
    ),
    (checks.rights_name_actions_and_resources, grant("GetOrder", Action="dynamodb:*")),
    (checks.rights_name_actions_and_resources, grant("GetOrder", Resource="*")),
    (
        checks.rights_name_actions_and_resources,
        grant("GetOrder", Resource={"Fn::Join": ["", ["arn:aws:dynamodb:::table/", "*"]]}),
    ),
    (checks.rights_name_actions_and_resources, change(checks.ROLE, "GetOrder", Policies=[{}])),
    (
        checks.a_database_is_private,
        grant("GetOrder", Resource={"Fn::ImportValue": "TheStockTable"}),
    ),
    (checks.a_service_acts_on_our_behalf_only, forget_sources(checks.QUEUE_POLICY, "CatchAll")),
    (checks.a_service_acts_on_our_behalf_only, forget_sources(checks.TOPIC_POLICY, "Topic")),
    (checks.a_service_acts_on_our_behalf_only, change(checks.PERMISSION, "", "SourceArn")),
    (
        checks.queues_and_topics_are_spoken_to_by_tls_only,
        take_from_policy(checks.QUEUE_POLICY, "RepairPolicy", "Deny", checks.QUEUE),
    ),
    (
        checks.queues_and_topics_are_spoken_to_by_tls_only,
        take_from_policy(checks.TOPIC_POLICY, "TopicPolicy", "Deny", checks.TOPIC),
    ),
    *(
        (
            checks.what_is_in_a_queue_stays_for_fourteen_days,
            change(checks.QUEUE, queue, MessageRetentionPeriod=345_600),
        )
        for queue in ("Repair", "PickingE9B423F6")
    ),
    (checks.a_queue_raises_an_alarm, silence(AlarmActions=[])),
    (checks.a_queue_raises_an_alarm, silence(ActionsEnabled=False)),
    (checks.a_queue_raises_an_alarm, silence(Threshold=100)),
    (checks.a_queue_raises_an_alarm, silence(Dimensions=[])),
    (checks.a_queue_raises_an_alarm, silence(TreatMissingData="notBreaching")),
    (checks.a_queue_raises_an_alarm, silence(MetricName="ApproximateAgeOfOldestMessage")),
    (checks.a_queue_raises_an_alarm, do_not_watch_age),
    (checks.a_machine_that_ends_without_a_word_raises_an_alarm, silence_saga(AlarmActions=[])),
    (checks.a_machine_that_ends_without_a_word_raises_an_alarm, silence_saga(Threshold=5)),
    (checks.a_machine_that_ends_without_a_word_raises_an_alarm, silence_saga(Dimensions=[])),
    (checks.a_machine_that_ends_without_a_word_raises_an_alarm, silence_saga(MetricName="X")),
    (
        checks.alarms_reach_the_topic,
        take_from_policy(checks.TOPIC_POLICY, "TopicPolicy", "Allow", checks.TOPIC),
    ),
    *(
        (checks.a_stream_is_read_within_bounds, change(checks.MAPPING, "", name))
        for name in (
            "MaximumRetryAttempts",
            "MaximumRecordAgeInSeconds",
            "BisectBatchOnFunctionError",
            "FunctionResponseTypes",
            "DestinationConfig",
        )
    ),
    (checks.a_stream_is_read_within_bounds, change(checks.MAPPING, MaximumRetryAttempts=-1)),
    *(
        (checks.a_schedule_parks_what_it_gives_up, change_schedule(name))
        for name in ("DeadLetterConfig", "RetryPolicy")
    ),
    (
        checks.a_schedule_parks_what_it_gives_up,
        change(checks.SCHEDULE, FlexibleTimeWindow={"Mode": "OFF"}),
    ),
    (checks.a_schedule_parks_what_it_gives_up, lose_failed_runs),
    (checks.a_stream_is_read_within_bounds, change(checks.MAPPING, StartingPosition="LATEST")),
    *(
        (checks.data_is_kept_in_prod_and_goes_in_dev, retain(kind, DeletionPolicy="Snapshot"))
        for kind in (checks.TABLE, checks.DSQL, checks.USER_POOL)
    ),
    (checks.data_is_kept_in_prod_and_goes_in_dev, retain(checks.TABLE, UpdateReplacePolicy="")),
    (
        checks.data_is_kept_in_prod_and_goes_in_dev,
        change_replica(DeletionProtectionEnabled="perhaps"),
    ),
    (
        checks.data_is_kept_in_prod_and_goes_in_dev,
        change(checks.DSQL, DeletionProtectionEnabled="perhaps"),
    ),
    (checks.only_data_outlives_its_stack, retain(checks.TOPIC, DeletionPolicy="Retain")),
    (
        checks.a_table_can_be_restored_to_any_second,
        change_replica(PointInTimeRecoverySpecification={}),
    ),
    (
        checks.names_are_physical_only_where_they_are_a_contract,
        change(checks.QUEUE, QueueName="parked"),
    ),
    (
        checks.names_are_physical_only_where_they_are_a_contract,
        change(checks.RULE, "AlertOrderNeedsAttention", Name="AlertOrderNeedsAttention"),
    ),
    (
        checks.names_are_physical_only_where_they_are_a_contract,
        change(checks.LOG_GROUP, "GetOrder", LogGroupName="/aws/lambda/GetOrder"),
    ),
    (
        checks.rights_name_actions_and_resources,
        grant("UpdateTimelines", Action="s3:PutObject", Resource="*"),
    ),
    (
        checks.a_stream_is_read_within_bounds,
        change(checks.MAPPING, "UpdateTimelines", MaximumRecordAgeInSeconds=7 * checks.DAY),
    ),
    *(
        (checks.a_projection_states_its_edge, change(checks.MAPPING, "UpdateTimelines", name))
        for name in (
            "ParallelizationFactor",
            "MaximumBatchingWindowInSeconds",
            "BatchSize",
            "DestinationConfig",
            "MetricsConfig",
        )
    ),
    *(
        (checks.a_projection_states_its_edge, break_edge(edit))
        for edit in (
            change(checks.FUNCTION, "UpdateTimelines", Environment={"Variables": {}}),
            change(checks.QUEUE, "TimelinesProjectionPoison", FifoQueue=True),
            change(checks.ALARM, "TimelinesProjectionBatchesDeadLettered", Threshold=10),
            change(checks.ALARM, "TimelinesProjectionBatchesDeadLettered", AlarmActions=[]),
            change(checks.ALARM, "TimelinesProjectionBehind", MetricName="Errors"),
            change(checks.ALARM, "TimelinesProjectionBehind", Dimensions=[]),
        )
    ),
    (checks.a_projection_fans_out_where_the_environment_says, read_a_consumer),
    *(
        (checks.a_stream_outlives_a_weekend_and_is_encrypted, change(checks.STREAM, "", **changed))
        for changed in (
            {"RetentionPeriodHours": 24},
            {"StreamEncryption": {"EncryptionType": "KMS", "KeyId": "ours"}},
            {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}},
            {"ShardCount": 9},
        )
    ),
    (checks.a_stream_gets_events_by_their_subject, change_target_of_stream),
    *(
        (checks.a_bucket_is_private, change(checks.BUCKET, "", name))
        for name in (
            "PublicAccessBlockConfiguration",
            "BucketEncryption",
            "LifecycleConfiguration",
        )
    ),
    (
        checks.a_bucket_is_private,
        take_from_policy(checks.BUCKET_POLICY, "GivenUpPolicy", "Deny", checks.BUCKET),
    ),
    *(
        (checks.data_is_kept_in_prod_and_goes_in_dev, retain(kind, DeletionPolicy="Snapshot"))
        for kind in (checks.STREAM, checks.BUCKET)
    ),
    (
        checks.a_machine_gets_in_by_scope_only,
        change(checks.ROUTE, "GETsales", "AuthorizationScopes"),
    ),
    (checks.a_machine_gets_in_by_scope_only, let_machines_in),
    (checks.a_route_asks_for_a_token, change(checks.ROUTE, AuthorizationType="NONE")),
    (checks.a_route_asks_for_a_token, change(checks.ROUTE, "", "AuthorizerId")),
    (
        checks.an_authorizer_knows_pool_and_client,
        change(
            checks.AUTHORIZER,
            JwtConfiguration={"Issuer": {"Fn::Join": ["", ["https://else.where"]]}},
        ),
    ),
    (checks.the_api_is_throttled_and_logged, change(checks.STAGE, "", "DefaultRouteSettings")),
    (checks.the_api_is_throttled_and_logged, change(checks.STAGE, "", "AccessLogSettings")),
    *(
        (checks.a_task_is_bounded_retried_and_caught, change_state("TakePayment", edit))
        for edit in (
            without("TimeoutSeconds"),
            without("Retry"),
            without("Catch"),
            lambda state: state["Retry"][-1].pop("JitterStrategy"),
            lambda state: state["Retry"][-1].pop("MaxDelaySeconds"),
            lambda state: state["Catch"][-1].update(ErrorEquals=["States.Timeout"]),
        )
    ),
    (checks.a_state_machine_outwaits_its_functions, slow_down),
    (checks.what_a_rule_calls_has_its_failures_parked, forget_outcomes("NotifyCustomer")),
    (checks.what_a_destination_calls_has_its_failures_parked, forget_outcomes("EmailInvoice")),
    (checks.what_a_destination_calls_has_its_failures_parked, tell_fifo),
    (
        checks.what_answers_the_bus_or_a_topic_keeps_its_events,
        change(checks.FUNCTION, "IssueInvoice", "DeadLetterConfig"),
    ),
]


@pytest.mark.parametrize(
    ("check", "break_it"),
    [pytest.param(*case, id=f"{case[0].__name__}-{i}") for i, case in enumerate(BREAKAGES)],
)
def test_can_fail(check: Check, break_it: Breakage):
    broken = platform("dev").copy()
    offender = break_it(broken)

    lines = list(check(broken))

    assert lines != []
    assert all(line.startswith(f"{offender}: ") for line in lines)


def test_every_check_is_seen_to_fail():
    assert {check.__name__ for check in CHECKS} == {check.__name__ for check, _ in BREAKAGES}

"""Events reach each kind of target, under the right that AWS demands; or they are dead-lettered."""

import inspect
import json
from typing import Any

import pytest
from ministack.services import eventbridge

from emulator.cloud import Cloud
from emulator.delivery_rules.retry_policies import (
    FailedAttempt,
    GiveUp,
    Limits,
    RetryAfter,
    decide_target_retry,
)
from emulator.patches import event_targets, sending
from emulator.patches.permissions import Service
from emulator.patches.sending import Delivery, DeliveryError
from tests.support.deliveries import (
    attributes,
    eventually,
    fifo,
    logged,
    may_invoke,
    put,
    queue,
    queue_policy,
    received,
)
from tests.support.small_stacks import (
    Deploy,
    Stack,
    Template,
    client,
    function,
    get,
    lines,
    machine,
    ref,
    role,
    written,
)

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


# CloudWatch Logs


def logs(principal: str | None) -> dict[str, Template]:
    document = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"Service": "%s"}, "Resource": "${Group.Arn}",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"]}]}"""
    resources: dict[str, Template] = {
        "Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 1}}
    }
    if principal:
        policy = {"PolicyName": "p", "PolicyDocument": {"Fn::Sub": document % principal}}
        resources["Policy"] = {"Type": "AWS::Logs::ResourcePolicy", "Properties": policy}
    return resources


GROUP = {"Fn::Sub": "arn:aws:logs:${AWS::Region}:${AWS::AccountId}:log-group:${Group}"}


def test_log_group_gets_the_event_whole(cloud: Cloud, deploy: Deploy) -> None:
    resources = logs("events.amazonaws.com")
    stack = to(deploy, {"Arn": GROUP}, resources=resources, Group=ref("Group"))
    put(cloud, stack.outputs["Bus"])
    (line,) = lines(cloud, stack.outputs["Group"], "lab-supplies")
    event = json.loads(line)
    assert event["detail-type"] == "Order Notification"
    assert event["detail"] == {"category": "lab-supplies", "value": 415, "order": "o-7"}
    assert {"version", "id", "source", "account", "time", "region", "resources"} <= event.keys()


@pytest.mark.parametrize("principal", [None, "sns.amazonaws.com"])
def test_event_is_not_logged_without_a_policy(
    cloud: Cloud, deploy: Deploy, principal: str | None
) -> None:
    stack = to(deploy, {"Arn": GROUP, **DEAD}, resources=logs(principal), Group=ref("Group"))
    put(cloud, stack.outputs["Bus"])
    (dead_letter,) = received(cloud, stack.outputs["Dead"])
    assert attributes(dead_letter)["ERROR_CODE"] == "NO_PERMISSIONS"
    assert written(cloud, stack.outputs["Group"]) == []


# Kinesis


@pytest.mark.parametrize(
    ("parameters", "key"),
    [({"KinesisParameters": {"PartitionKeyPath": "$.detail.order"}}, "o-7"), ({}, "the event id")],
)
def test_stream_gets_the_event_under_its_partition_key(
    cloud: Cloud, deploy: Deploy, parameters: Template, key: str
) -> None:
    stack = to(
        deploy,
        {"Arn": get("Stream"), "RoleArn": get("Role"), **parameters},
        resources={
            "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}},
            "Role": role("kinesis:PutRecord", service="events"),
        },
        Stream=ref("Stream"),
    )
    event = put(cloud, stack.outputs["Bus"])
    kinesis = client(cloud, "kinesis")
    name = stack.outputs["Stream"]
    (shard,) = kinesis.list_shards(StreamName=name)["Shards"]
    start = kinesis.get_shard_iterator(
        StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    (record,) = eventually(lambda: kinesis.get_records(ShardIterator=start)["Records"])
    assert record["PartitionKey"] == (event if key == "the event id" else key)
    assert json.loads(record["Data"])["detail"]["value"] == 415


def test_event_without_the_partition_key_is_dead_lettered(cloud: Cloud, deploy: Deploy) -> None:
    stack = to(
        deploy,
        {
            "Arn": get("Stream"),
            "RoleArn": get("Role"),
            "KinesisParameters": {"PartitionKeyPath": "$.detail.sku"},
            **DEAD,
        },
        resources={
            "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}},
            "Role": role("kinesis:PutRecord", service="events"),
        },
    )
    put(cloud, stack.outputs["Bus"])
    (dead_letter,) = received(cloud, stack.outputs["Dead"])
    assert attributes(dead_letter)["ERROR_CODE"] == "INVALID_PARAMETER"


# SQS and SNS


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


def test_fifo_queue_gets_the_event_in_its_group_and_drops_a_repeated_one(
    cloud: Cloud, deploy: Deploy
) -> None:
    stack = to(
        deploy,
        {
            "Arn": get("Queue"),
            "SqsParameters": {"MessageGroupId": "orders"},
            "InputPath": "$.detail",
        },
        resources={
            "Queue": fifo("target", ContentBasedDeduplication=True),
            "Policy": queue_policy("events", "Queue"),
        },
        Queue=ref("Queue"),
    )
    for detail in ('{"n": 1}', '{"n": 1}', '{"n": 2}'):
        put(cloud, stack.outputs["Bus"], Detail=detail)
    messages = received(cloud, stack.outputs["Queue"], 2)
    assert [message["Body"] for message in messages] == ['{"n": 1}', '{"n": 2}']
    assert {message["Attributes"]["MessageGroupId"] for message in messages} == {"orders"}


def test_topic_gets_the_event_as_the_transformer_makes_it(cloud: Cloud, deploy: Deploy) -> None:
    transformer = {"InputPathsMap": {"v": "$.detail.value"}, "InputTemplate": '{"worth": <v>}'}
    stack = to(
        deploy,
        {"Arn": ref("Topic"), "InputTransformer": transformer},
        resources={
            "Topic": {"Type": "AWS::SNS::Topic"},
            "TopicPolicy": topic_policy("events"),
            "Queue": queue(),
            "Policy": queue_policy("sns", "Queue"),
            "Subscription": {
                "Type": "AWS::SNS::Subscription",
                "Properties": {
                    "TopicArn": ref("Topic"),
                    "Protocol": "sqs",
                    "Endpoint": get("Queue"),
                    "RawMessageDelivery": True,
                },
            },
        },
        Queue=ref("Queue"),
    )
    put(cloud, stack.outputs["Bus"])
    (message,) = received(cloud, stack.outputs["Queue"])
    assert json.loads(message["Body"]) == {"worth": 415}


@pytest.mark.parametrize("allowed", [True, False])
def test_queue_with_a_customer_managed_key_gets_events_only_with_rights_on_the_key(
    cloud: Cloud, deploy: Deploy, allowed: bool
) -> None:
    everyone = {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}
    statements: list[Template] = [{**everyone, "Principal": {"AWS": ref("AWS::AccountId")}}]
    if allowed:
        service = {"Service": "events.amazonaws.com"}
        actions = ["kms:GenerateDataKey", "kms:Decrypt"]
        statements.append({**everyone, "Principal": service, "Action": actions})
    document = {"Version": "2012-10-17", "Statement": statements}
    stack = to(
        deploy,
        {"Arn": get("Queue"), **DEAD},
        resources={
            "Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": document}},
            "Queue": queue(KmsMasterKeyId=ref("Key")),
            "Policy": queue_policy("events", "Queue"),
        },
        Queue=ref("Queue"),
    )
    event = put(cloud, stack.outputs["Bus"])
    if allowed:
        (message,) = received(cloud, stack.outputs["Queue"])
        assert json.loads(message["Body"])["id"] == event
    else:
        (dead_letter,) = received(cloud, stack.outputs["Dead"])
        assert attributes(dead_letter)["ERROR_CODE"] == "NO_PERMISSIONS"
        assert "kms:" in attributes(dead_letter)["ERROR_MESSAGE"]


# Lambda


def test_function_gets_the_event_through_its_asynchronous_queue(
    cloud: Cloud, deploy: Deploy
) -> None:
    stack = to(
        deploy,
        {"Arn": get("Fails"), **DEAD},
        resources={
            "Role": role("sqs:SendMessage"),
            "Fails": function("fails", DeadLetterConfig={"TargetArn": get("Failed")}),
            "Failed": queue(),
            "Permission": may_invoke("Fails", "events"),
        },
        Failed=ref("Failed"),
    )
    event = put(cloud, stack.outputs["Bus"])
    (failed,) = received(cloud, stack.outputs["Failed"])
    assert json.loads(failed["Body"])["id"] == event
    assert attributes(failed)["ErrorMessage"] == "attempt 3"
    assert received(cloud, stack.outputs["Dead"], 0) == []


# Step Functions and buses, which are reached under a role


@pytest.mark.parametrize("allowed", [True, False])
def test_state_machine_is_started_under_the_targets_role(
    cloud: Cloud, deploy: Deploy, allowed: bool
) -> None:
    actions = ["states:StartExecution"] if allowed else []
    stack = to(
        deploy,
        {"Arn": ref("Machine"), "RoleArn": get("Starter"), "InputPath": "$.detail", **DEAD},
        resources={
            "Role": role(service="states"),
            "Starter": role(*actions, service="events"),
            **machine({"Done": {"Type": "Succeed"}}),
        },
        Machine=ref("Machine"),
        Starter=get("Starter"),
    )
    put(cloud, stack.outputs["Bus"])
    states = client(cloud, "stepfunctions")

    def executions() -> list[Any]:
        found = states.list_executions(stateMachineArn=stack.outputs["Machine"])
        return list(found["executions"])

    if allowed:
        (execution,) = eventually(executions)
        described = states.describe_execution(executionArn=execution["executionArn"])
        assert json.loads(described["input"])["order"] == "o-7"
    else:
        (dead_letter,) = received(cloud, stack.outputs["Dead"])
        assert attributes(dead_letter)["ERROR_CODE"] == "NO_PERMISSIONS"
        assert executions() == []
        assert logged(cloud, stack.outputs["Starter"], "states:StartExecution", "not authorized")


@pytest.mark.parametrize("allowed", [True, False])
def test_other_bus_gets_the_event_under_the_targets_role(
    cloud: Cloud, deploy: Deploy, allowed: bool
) -> None:
    actions = ["events:PutEvents"] if allowed else []
    stack = to(
        deploy,
        {"Arn": get("Other"), "RoleArn": get("Role"), **DEAD},
        resources={
            "Role": role(*actions, service="events"),
            "Other": bus("Other"),
            "Then": rule({"Arn": get("Queue")}, on="Other"),
            "Queue": queue(),
            "Policy": queue_policy("events", "Queue"),
        },
        Queue=ref("Queue"),
    )
    event = put(cloud, stack.outputs["Bus"])
    if allowed:
        (message,) = received(cloud, stack.outputs["Queue"])
        assert json.loads(message["Body"])["id"] == event
    else:
        (dead_letter,) = received(cloud, stack.outputs["Dead"])
        assert attributes(dead_letter)["ERROR_CODE"] == "NO_PERMISSIONS"


def test_role_that_does_not_trust_eventbridge_delivers_nothing(
    cloud: Cloud, deploy: Deploy
) -> None:
    stack = to(
        deploy,
        {"Arn": get("Queue"), "RoleArn": get("Role"), **DEAD},
        resources={"Role": role("sqs:SendMessage", service="lambda"), "Queue": queue()},
    )
    put(cloud, stack.outputs["Bus"])
    (dead_letter,) = received(cloud, stack.outputs["Dead"])
    assert attributes(dead_letter)["ERROR_CODE"] == "NO_PERMISSIONS"


# What cannot be delivered


def test_event_for_a_deleted_queue_is_dead_lettered_whole(cloud: Cloud, deploy: Deploy) -> None:
    gone = {"Fn::Sub": "arn:aws:sqs:${AWS::Region}:${AWS::AccountId}:gone"}
    stack = to(
        deploy,
        {"Arn": gone, "Input": '"something else"', **DEAD},
        {"Arn": get("Queue")},
        resources={"Queue": queue(), "Policy": queue_policy("events", "Queue")},
        Queue=ref("Queue"),
    )
    event = put(cloud, stack.outputs["Bus"])
    (dead_letter,) = received(cloud, stack.outputs["Dead"])
    body = json.loads(dead_letter["Body"])
    assert body["id"] == event
    assert body["detail"] == {"category": "lab-supplies", "value": 415, "order": "o-7"}
    arn = f"arn:aws:sqs:{cloud.region}:{cloud.account}:gone"
    assert attributes(dead_letter) == {
        "RULE_ARN": stack.outputs["Rule"],
        "TARGET_ARN": arn,
        "ERROR_CODE": "NO_RESOURCE",
        "ERROR_MESSAGE": f"{arn} does not exist",
        "RETRY_ATTEMPTS": "0",
    }
    (other,) = received(cloud, stack.outputs["Queue"])
    assert json.loads(other["Body"]) == body
    assert logged(cloud, "not delivered after 0 retries", event, arn)


@pytest.mark.parametrize(
    ("target_", "resources"),
    [
        (get("Queue"), {"Queue": queue()}),
        (
            ref("Topic"),
            {"Topic": {"Type": "AWS::SNS::Topic"}, "TopicPolicy": topic_policy("s3")},
        ),
        (get("Logs"), {"Logs": function("logs"), "Role": role()}),
    ],
    ids=["queue", "topic", "function"],
)
def test_resource_whose_policy_denies_eventbridge_gets_nothing(
    cloud: Cloud, deploy: Deploy, target_: Any, resources: dict[str, Template]
) -> None:
    stack = to(deploy, {"Arn": target_, **DEAD}, resources=resources)
    put(cloud, stack.outputs["Bus"])
    (dead_letter,) = received(cloud, stack.outputs["Dead"])
    assert attributes(dead_letter)["ERROR_CODE"] == "NO_PERMISSIONS"
    assert "events.amazonaws.com is not authorized" in attributes(dead_letter)["ERROR_MESSAGE"]


def test_dead_letter_queue_that_refuses_is_named_in_the_log(cloud: Cloud, deploy: Deploy) -> None:
    stack = deploy(
        {
            "Bus": bus(),
            "Rule": rule({"Arn": get("Queue"), **DEAD}),
            "Queue": queue(),
            "Dead": queue(QueueName="refuses"),
        },
        Bus=ref("Bus"),
        Dead=ref("Dead"),
    )
    event = put(cloud, stack.outputs["Bus"])
    assert logged(cloud, "not taken by its dead-letter queue", ":refuses", event)
    assert received(cloud, stack.outputs["Dead"], 0) == []


# Trying again, which no target of this cloud can be made to need


def test_failed_delivery_is_retried_until_it_succeeds() -> None:
    failures = [DeliveryError("ResourceInUseException", "busy", permanent=False)] * 3
    attempts: list[int] = []
    decided: list[FailedAttempt] = []

    def attempt() -> None:
        attempts.append(len(attempts))
        if failures:
            raise failures.pop()

    def at_once(failed: FailedAttempt) -> RetryAfter:
        decided.append(failed)
        return RetryAfter(0.1)

    Delivery(what="it", attempt=attempt, rule=at_once, dead_letter=None).start()
    assert eventually(lambda: len(attempts) == 4)
    assert [(failed.times, round(failed.age, 1)) for failed in decided] == [
        (1, 0.0),
        (2, 0.1),
        (3, 0.2),
    ]


def test_undelivered_event_is_dead_lettered_with_the_number_of_retries() -> None:
    dead_letters: list[tuple[str, GiveUp, int]] = []
    attempts: list[int] = []

    def attempt() -> None:
        attempts.append(1)
        raise DeliveryError("ResourceInUseException", "busy", permanent=False)

    def rule_of_two(failed: FailedAttempt) -> RetryAfter | GiveUp:
        verdict = decide_target_retry(Limits(retries=2, age=60), failed)
        return RetryAfter(0) if isinstance(verdict, RetryAfter) else verdict

    def dead_letter(error: DeliveryError, verdict: GiveUp, retries: int) -> None:
        dead_letters.append((error.code, verdict, retries))

    Delivery(what="it", attempt=attempt, rule=rule_of_two, dead_letter=dead_letter).start()
    assert eventually(lambda: dead_letters)
    assert dead_letters == [("ResourceInUseException", GiveUp("MaximumRetryAttempts"), 2)]
    assert len(attempts) == 3


def test_error_of_the_emulator_counts_as_one_of_the_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("shard")

    way = sending._DESTINATIONS["sqs"]._replace(find=lambda _: True, deliver=broken)
    monkeypatch.setitem(sending._DESTINATIONS, "sqs", way)
    monkeypatch.setattr(sending, "check", lambda *_, **__: None)
    with pytest.raises(DeliveryError, match="shard") as caught:
        sending.send("arn:aws:sqs:::q", "", by=Service(name="s", source_arn=""))
    assert caught.value.code == "InternalError"
    assert not caught.value.permanent


# The seam


def test_patched_function_of_ministack_is_where_it_is_expected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def moved(target: Any, event: Any) -> None: ...

    monkeypatch.setattr(eventbridge, "_invoke_target", moved)
    with pytest.raises(RuntimeError, match=r"MiniStack has changed: .*eventbridge\._invoke_target"):
        event_targets.install()
    monkeypatch.delattr(eventbridge, "_invoke_target")
    with pytest.raises(RuntimeError, match="MiniStack has changed"):
        event_targets.install()


def test_ministack_alone_still_tries_once_only() -> None:
    source = inspect.getsource(eventbridge._invoke_target)
    assert "DeadLetterConfig" not in source, (
        "MiniStack dead-letters by itself: remove event_targets"
    )
    assert "RetryPolicy" not in source, "MiniStack tries again itself: remove event_targets"

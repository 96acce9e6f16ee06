"""Events reach each kind of target, under the right that AWS demands; or they are dead-lettered."""

import json
from typing import Any

import pytest

from emulator.cloud import Cloud
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
from tests.support.rules_with_targets import (
    DEAD,
    bus,
    refused_for_lack_of_rights,
    rule,
    to,
    topic_policy,
)
from tests.support.small_stacks import (
    Deploy,
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
    refused_for_lack_of_rights(cloud, stack)
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
        refused_for_lack_of_rights(cloud, stack)
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
        refused_for_lack_of_rights(cloud, stack)

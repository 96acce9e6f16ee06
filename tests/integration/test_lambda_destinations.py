"""What a function answers is sent to its destinations, as the settings of its alias say."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from emulator.cloud import Cloud
from tests.support.async_invocations import EVENT, RIGHTS, body, invoke, settings
from tests.support.deliveries import logged, queue, queue_policy, received
from tests.support.small_stacks import Deploy, Stack, Template, function, get, ref, role

# The four kinds of destination


def answering(deploy: Deploy, destination: Any, resources: Mapping[str, Template]) -> Stack:
    """A function that succeeds, with a destination for that."""
    return deploy(
        {
            "Role": RIGHTS,
            "Answers": function("logs"),
            "Settings": settings("Answers", Success=destination),
            "Queue": queue(),
            **resources,
        },
        Function=ref("Answers"),
        Queue=ref("Queue"),
    )


def check_success(record: Mapping[str, Any]) -> None:
    assert record["requestContext"]["condition"] == "Success"
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record["requestPayload"] == EVENT
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    assert record["responsePayload"] == {"statusCode": 200, "body": "null"}


def test_success_is_sent_to_a_queue(cloud: Cloud, deploy: Deploy) -> None:
    stack = answering(deploy, get("Queue"), {})
    invoke(cloud, stack.outputs["Function"])
    (message,) = received(cloud, stack.outputs["Queue"])
    check_success(body(message))


def test_success_is_sent_to_a_topic(cloud: Cloud, deploy: Deploy) -> None:
    subscription = {"TopicArn": ref("Topic"), "Protocol": "sqs", "Endpoint": get("Queue")}
    stack = answering(
        deploy,
        ref("Topic"),
        {
            "Topic": {"Type": "AWS::SNS::Topic"},
            "Subscription": {"Type": "AWS::SNS::Subscription", "Properties": subscription},
            "Policy": queue_policy("sns", "Queue"),
        },
    )
    invoke(cloud, stack.outputs["Function"])
    (message,) = received(cloud, stack.outputs["Queue"])
    check_success(json.loads(body(message)["Message"]))


def test_success_is_sent_to_a_function_whose_own_success_is_sent_on(
    cloud: Cloud, deploy: Deploy
) -> None:
    stack = answering(
        deploy,
        get("Second"),
        {"Second": function("logs"), "Then": settings("Second", Success=get("Queue"))},
    )
    invoke(cloud, stack.outputs["Function"])
    (message,) = received(cloud, stack.outputs["Queue"])
    check_success(body(message)["requestPayload"])


@pytest.mark.parametrize(("handler", "outcome"), [("logs", "Success"), ("fails", "Failure")])
def test_both_outcomes_are_published_on_a_bus_as_lambda_writes_them(
    cloud: Cloud, deploy: Deploy, handler: str, outcome: str
) -> None:
    name = {"Fn::Sub": "${AWS::StackName}"}
    rule = {
        "EventBusName": ref("Bus"),
        "EventPattern": {"source": ["lambda"]},
        "Targets": [{"Id": "queue", "Arn": get("Queue")}],
    }
    stack = deploy(
        {
            "Role": RIGHTS,
            "Function": function(handler),
            "Settings": settings("Function", MaximumRetryAttempts=0, **{outcome: get("Bus")}),
            "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": name}},
            "Rule": {"Type": "AWS::Events::Rule", "Properties": rule},
            "Queue": queue(),
            "Policy": queue_policy("events", "Queue"),
        },
        Function=ref("Function"),
        Bus=get("Bus"),
        Queue=ref("Queue"),
    )
    invoke(cloud, stack.outputs["Function"])
    (message,) = received(cloud, stack.outputs["Queue"])
    event = body(message)
    assert event["source"] == "lambda"
    assert event["detail-type"] == f"Lambda Function Invocation Result - {outcome}"
    assert event["detail"]["requestPayload"] == EVENT
    assert sorted(event["resources"]) == sorted(
        [stack.outputs["Bus"], event["detail"]["requestContext"]["functionArn"]]
    )


# Versions and aliases


def test_alias_has_its_own_settings(cloud: Cloud, deploy: Deploy) -> None:
    alias = {
        "FunctionName": ref("Answers"),
        "FunctionVersion": get("Version", "Version"),
        "Name": "live",
    }
    code = "def handler(event, context):\n    return context.invoked_function_arn"
    stack = answering(
        deploy,
        get("Queue"),
        {
            "Answers": function("handler", Code={"ZipFile": code}),
            "Version": {
                "Type": "AWS::Lambda::Version",
                "Properties": {"FunctionName": ref("Answers")},
            },
            "Alias": {"Type": "AWS::Lambda::Alias", "Properties": alias},
            "Live": {**settings("Answers", "live", Success=get("Second")), "DependsOn": "Alias"},
            "Second": function("logs"),
            "Then": settings("Second", Success=get("Queue")),
        },
    )
    invoke(cloud, stack.outputs["Function"], Qualifier="live")
    (message,) = received(cloud, stack.outputs["Queue"])
    record = body(message)["requestPayload"]
    assert record["requestContext"]["functionArn"].endswith(":live")
    assert record["responseContext"]["executedVersion"] == "1"
    assert record["responsePayload"] == record["requestContext"]["functionArn"]


# Destinations that do not take it


@pytest.mark.parametrize("role_", [RIGHTS, role()], ids=["missing", "denied"])
def test_destination_that_refuses_is_named_in_the_log(
    cloud: Cloud, deploy: Deploy, role_: Template
) -> None:
    gone = {"Fn::Sub": "arn:aws:sqs:${AWS::Region}:${AWS::AccountId}:${AWS::StackName}-gone"}
    denied = role_ is not RIGHTS
    resources: dict[str, Template] = {
        "Role": role_,
        "Fails": function("fails", DeadLetterConfig={"TargetArn": get("Dead")}),
        "Settings": settings("Fails", Failure=gone, MaximumRetryAttempts=0),
        "Dead": queue(),
    }
    if denied:
        name = {"Fn::Sub": "${AWS::StackName}-gone"}
        resources["Destination"] = queue(QueueName=name)
    stack = deploy(resources, Function=ref("Fails"), Dead=ref("Dead"))
    invoke(cloud, stack.outputs["Function"])
    code = "AccessDenied" if denied else "AWS.SimpleQueueService.NonExistentQueue"
    assert logged(cloud, f"{stack.name}-gone, of", "did not take", code)
    # The one is no condition of the other.
    if denied:
        dead = stack.outputs["Dead"].rpartition("/")[2]
        assert logged(cloud, f"{dead}, of", "did not take", code)
    assert len(received(cloud, stack.outputs["Dead"], 0 if denied else 1)) == (0 if denied else 1)

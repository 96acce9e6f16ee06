"""What becomes of an event that a function gets asynchronously."""

import inspect
import json
from collections.abc import Mapping
from typing import Any

import pytest
from ministack.services import lambda_svc

from emulator.cloud import Cloud
from emulator.patches import async_invocations
from tests.support.deliveries import (
    Message,
    attributes,
    logged,
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
    ref,
    role,
)
from tests.support.waiting import TIMEOUT_SECONDS

RIGHTS = role("sqs:SendMessage", "sns:Publish", "lambda:InvokeFunction", "events:PutEvents")
EVENT = {"order": "o-7"}


def settings(name: str, qualifier: Any = "$LATEST", **properties: Any) -> Template:
    destinations = {
        f"On{outcome}": {"Destination": properties.pop(outcome)}
        for outcome in ("Success", "Failure")
        if outcome in properties
    }
    return {
        "Type": "AWS::Lambda::EventInvokeConfig",
        "Properties": {
            "FunctionName": ref(name),
            "Qualifier": qualifier,
            "DestinationConfig": destinations,
            **properties,
        },
    }


def invoke(cloud: Cloud, name: str, **options: Any) -> None:
    client(cloud, "lambda").invoke(
        FunctionName=name, InvocationType="Event", Payload=json.dumps(EVENT), **options
    )


def body(message: Message) -> dict[str, Any]:
    return dict(json.loads(message["Body"]))


def failing(deploy: Deploy, **properties: Any) -> Stack:
    """A function that fails, with a destination for that and a dead-letter queue."""
    return deploy(
        {
            "Role": RIGHTS,
            "Fails": function("fails", DeadLetterConfig={"TargetArn": get("Dead")}, **properties),
            "Settings": settings("Fails", Failure=get("Failed")),
            "Failed": queue(),
            "Dead": queue(),
        },
        Function=ref("Fails"),
        Failed=ref("Failed"),
        Dead=ref("Dead"),
    )


def test_failed_event_goes_to_the_destination_as_a_record_and_to_the_dead_letters_unchanged(
    cloud: Cloud, deploy: Deploy
) -> None:
    stack = failing(deploy)
    invoke(cloud, stack.outputs["Function"])
    (failed,) = received(cloud, stack.outputs["Failed"])
    record = body(failed)
    arn = f"arn:aws:lambda:{cloud.region}:{cloud.account}:function:{stack.outputs['Function']}"
    request = record["requestContext"].pop("requestId")
    assert record["requestContext"] == {
        "functionArn": f"{arn}:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    }
    assert record["requestPayload"] == EVENT
    assert record["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert record["responsePayload"]["errorType"] == "OutOfStock"
    assert record["responsePayload"]["errorMessage"] == "attempt 3"
    assert record["version"] == "1.0"
    assert record["timestamp"].endswith("Z")

    (dead,) = received(cloud, stack.outputs["Dead"])
    assert body(dead) == EVENT
    assert attributes(dead) == {
        "RequestID": request,
        "ErrorCode": "200",
        "ErrorMessage": "attempt 3",
    }
    assert dead["MessageAttributes"]["ErrorCode"]["DataType"] == "Number"
    started = lines(cloud, f"/aws/lambda/{stack.outputs['Function']}", request)
    assert sum(f"START RequestId: {request}" in line for line in started) == 3


def test_without_retries_one_failure_is_enough(cloud: Cloud, deploy: Deploy) -> None:
    stack = deploy(
        {
            "Role": RIGHTS,
            "Fails": function("fails"),
            "Settings": settings("Fails", Failure=get("Failed"), MaximumRetryAttempts=0),
            "Failed": queue(),
        },
        Function=ref("Fails"),
        Failed=ref("Failed"),
    )
    invoke(cloud, stack.outputs["Function"])
    (failed,) = received(cloud, stack.outputs["Failed"])
    assert body(failed)["requestContext"]["approximateInvokeCount"] == 1
    assert body(failed)["responsePayload"]["errorMessage"] == "attempt 1"


def test_event_that_would_be_too_old_is_not_retried(cloud: Cloud, deploy: Deploy) -> None:
    stack = deploy(
        {
            "Role": RIGHTS,
            "Fails": function("fails"),
            "Settings": settings("Fails", Failure=get("Failed"), MaximumEventAgeInSeconds=150),
            "Failed": queue(),
        },
        Function=ref("Fails"),
        Failed=ref("Failed"),
    )
    invoke(cloud, stack.outputs["Function"])
    (failed,) = received(cloud, stack.outputs["Failed"])
    assert body(failed)["requestContext"]["condition"] == "EventAgeExceeded"
    assert body(failed)["requestContext"]["approximateInvokeCount"] == 2


def test_function_with_reserved_concurrency_zero_dead_letters_its_events_at_once(
    cloud: Cloud, deploy: Deploy
) -> None:
    stack = failing(deploy, ReservedConcurrentExecutions=0)
    invoke(cloud, stack.outputs["Function"])
    (failed,) = received(cloud, stack.outputs["Failed"])
    assert body(failed)["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert body(failed)["requestContext"]["approximateInvokeCount"] == 0
    assert "responseContext" not in body(failed)
    (dead,) = received(cloud, stack.outputs["Dead"])
    assert body(dead) == EVENT
    assert attributes(dead)["ErrorCode"] == "429"


SLOW = """
import time

def handler(event, context):
    time.sleep({seconds})
"""


def test_throttled_events_wait_and_none_is_lost(cloud: Cloud, deploy: Deploy) -> None:
    code = {"ZipFile": SLOW.format(seconds=0.1)}
    slow = function("handler", Code=code, ReservedConcurrentExecutions=1)
    stack = deploy(
        {
            "Role": RIGHTS,
            "Slow": slow,
            "Settings": settings(
                "Slow", Success=get("Done"), Failure=get("Failed"), MaximumRetryAttempts=0
            ),
            "Done": queue(),
            "Failed": queue(),
        },
        Function=ref("Slow"),
        Done=ref("Done"),
        Failed=ref("Failed"),
    )
    for _ in range(12):
        invoke(cloud, stack.outputs["Function"])
    done = received(cloud, stack.outputs["Done"], 12)
    assert len({body(message)["requestContext"]["requestId"] for message in done}) == 12
    assert received(cloud, stack.outputs["Failed"], 0) == []


def test_slow_function_delays_no_other(cloud: Cloud, deploy: Deploy) -> None:
    # Longer than anybody here waits for anything.
    sleeps = function(
        "handler",
        Code={"ZipFile": SLOW.format(seconds=2 * TIMEOUT_SECONDS)},
        Timeout=3 * TIMEOUT_SECONDS,
    )
    stack = deploy(
        {
            "Role": RIGHTS,
            "Slow": sleeps,
            "SlowSettings": settings("Slow", Success=get("Late")),
            "Fast": function("logs"),
            "FastSettings": settings("Fast", Success=get("Early")),
            "Late": queue(),
            "Early": queue(),
        },
        Slow=ref("Slow"),
        Fast=ref("Fast"),
        Late=ref("Late"),
        Early=ref("Early"),
    )
    for _ in range(11):
        invoke(cloud, stack.outputs["Slow"])
    invoke(cloud, stack.outputs["Fast"])
    assert len(received(cloud, stack.outputs["Early"])) == 1
    assert received(cloud, stack.outputs["Late"], 0) == []


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


# The seam


@pytest.mark.parametrize("name", ["invoke_async_with_retry", "_execute_function_dispatch"])
def test_patched_function_of_ministack_is_where_it_is_expected(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(lambda_svc, name, lambda *_: None)
    with pytest.raises(RuntimeError, match=rf"MiniStack has changed: .*lambda_svc\.{name}"):
        async_invocations.install()


def test_ministack_still_sends_no_success_record() -> None:
    source = inspect.getsource(lambda_svc.invoke_async_with_retry)
    assert "OnSuccess" not in source, (
        "MiniStack sends success records: look at async_invocations again"
    )

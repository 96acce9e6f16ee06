"""Step Functions keeps time, asks for rights and names errors as AWS does."""

import inspect
import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from ministack.services import stepfunctions

from emulator.cloud import Cloud
from emulator.patches import state_machines
from tests.support.deliveries import eventually
from tests.support.small_stacks import (
    Deploy,
    Template,
    client,
    function,
    get,
    machine,
    outcome,
    ref,
    role,
)

INVOKE = "arn:aws:states:::lambda:invoke"
HEARTBEAT = 2
PATIENT = {"IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 30}


def task(resource: str = INVOKE, **properties: Any) -> Template:
    return {"Type": "Task", "Resource": resource, "End": True, **properties}


def machine_role(*actions: str) -> Template:
    return role(*actions, service="states")


def history(cloud: Cloud, run: Mapping[str, Any]) -> list[str]:
    states = client(cloud, "stepfunctions")
    events = states.get_execution_history(executionArn=run["executionArn"])["events"]
    return [event["type"] for event in events]


# Errors and outputs


def test_exception_is_caught_by_its_name(cloud: Cloud, deploy: Deploy) -> None:
    caught = {
        "ErrorEquals": ["OutOfStock"],
        "Assign": {"reason": "{% $states.errorOutput.Error %}"},
        "Next": "Undone",
    }
    states = {
        "Reserve": task(Arguments={"FunctionName": get("Fails")}, Catch=[caught]),
        "Undone": {"Type": "Succeed", "Output": {"reason": "{% $reason %}"}},
    }
    stack = deploy(
        {
            "Role": role(),
            "MachineRole": machine_role("lambda:InvokeFunction"),
            "Fails": function("fails"),
            **machine(states, RoleArn=get("MachineRole")),
        },
        Machine=ref("Machine"),
    )
    run = outcome(cloud, stack.outputs["Machine"])
    assert (run["status"], json.loads(run["output"])) == ("SUCCEEDED", {"reason": "OutOfStock"})


def test_throttled_task_fails_with_lambdas_error_name(cloud: Cloud, deploy: Deploy) -> None:
    stack = deploy(
        {
            "Role": role(),
            "MachineRole": machine_role("lambda:InvokeFunction"),
            "Logs": function("logs", ReservedConcurrentExecutions=0),
            **machine(
                {"Reserve": task(Arguments={"FunctionName": get("Logs")})},
                RoleArn=get("MachineRole"),
            ),
        },
        Machine=ref("Machine"),
    )
    run = outcome(cloud, stack.outputs["Machine"])
    assert run["error"] == "Lambda.TooManyRequestsException"


# Time


def test_retry_delay_is_capped(cloud: Cloud, deploy: Deploy) -> None:
    retry = {
        "ErrorEquals": ["OutOfStock"],
        "IntervalSeconds": 1,
        "BackoffRate": 60,
        "MaxDelaySeconds": 1,
        "MaxAttempts": 2,
    }
    stack = deploy(
        {
            "Role": role(),
            "MachineRole": machine_role("lambda:InvokeFunction"),
            "Fails": function("fails"),
            **machine(
                {"Reserve": task(Arguments={"FunctionName": get("Fails")}, Retry=[retry])},
                RoleArn=get("MachineRole"),
            ),
        },
        Machine=ref("Machine"),
    )
    assert "attempt 3" in outcome(cloud, stack.outputs["Machine"])["cause"]


def test_retry_delay_of_more_than_a_minute_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(stepfunctions, "_scaled_sleep", waited.append)
    monkeypatch.setattr(
        stepfunctions, "_find_matching_retrier", stepfunctions._find_matching_retrier
    )
    state_machines._wrap_retriers()
    retriers = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 90}]
    outside = state_machines._running.set({"status": "RUNNING"})
    retrier, _ = stepfunctions._find_matching_retrier(retriers, "OutOfStock", {})
    state_machines._running.reset(outside)
    # The emulator then waits for what is left.
    assert (waited, retrier["IntervalSeconds"]) == ([90], 0)


def test_execution_past_its_machines_time_out_is_timed_out_and_not_retried(
    cloud: Cloud, deploy: Deploy
) -> None:
    retry = {"ErrorEquals": ["States.ALL"], **PATIENT}
    caught = {"ErrorEquals": ["States.ALL"], "Next": "Undo"}
    definition = {
        "QueryLanguage": "JSONata",
        "TimeoutSeconds": 1,
        "StartAt": "Reserve",
        "States": {
            "Reserve": task(
                Arguments={"FunctionName": get("Fails")}, Retry=[retry], Catch=[caught]
            ),
            "Undo": {"Type": "Succeed"},
        },
    }
    stack = deploy(
        {
            "Role": role(),
            "MachineRole": machine_role("lambda:InvokeFunction"),
            "Fails": function("fails"),
            **machine({"": {}}, RoleArn=get("MachineRole"), Definition=definition),
        },
        Machine=ref("Machine"),
        Fails=ref("Fails"),
    )
    run = outcome(cloud, stack.outputs["Machine"])
    assert (run["status"], run["error"]) == ("TIMED_OUT", "States.Timeout")
    assert history(cloud, run)[-1] == "ExecutionTimedOut"
    attempts = history(cloud, run).count("TaskScheduled")
    assert attempts >= 1

    # A retry was due after a second; the function counts its invocations.
    time.sleep(2)
    assert client(cloud, "stepfunctions").describe_execution(executionArn=run["executionArn"])[
        "status"
    ] == "TIMED_OUT"  # fmt: skip
    answer = client(cloud, "lambda").invoke(FunctionName=stack.outputs["Fails"])
    error = json.loads(answer["Payload"].read())
    assert error["errorMessage"] == f"attempt {attempts + 1}"


def test_task_past_its_time_out_fails_and_can_be_caught(cloud: Cloud, deploy: Deploy) -> None:
    slow = "import time\ndef handler(event, context):\n    time.sleep(3)"
    caught = {
        "ErrorEquals": ["States.Timeout"],
        "Output": "{% $states.errorOutput.Error %}",
        "Next": "Undo",
    }
    states = {
        "Reserve": task(Arguments={"FunctionName": get("Slow")}, TimeoutSeconds=1, Catch=[caught]),
        "Undo": {"Type": "Succeed"},
    }
    stack = deploy(
        {
            "Role": role(),
            "MachineRole": machine_role("lambda:InvokeFunction"),
            "Slow": function("handler", Code={"ZipFile": slow}, Timeout=10),
            **machine(states, RoleArn=get("MachineRole")),
        },
        Machine=ref("Machine"),
    )
    assert json.loads(outcome(cloud, stack.outputs["Machine"])["output"]) == "States.Timeout"


def test_task_with_a_token_and_no_heartbeat_fails(cloud: Cloud, deploy: Deploy) -> None:
    stack = deploy(
        {
            "Role": machine_role("sqs:SendMessage"),
            "Queue": {"Type": "AWS::SQS::Queue"},
            **machine(
                {
                    "Ask": task(
                        "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                        Arguments={
                            "QueueUrl": ref("Queue"),
                            "MessageBody": "{% $states.context.Task.Token %}",
                        },
                        HeartbeatSeconds=HEARTBEAT,
                    )
                }
            ),
        },
        Machine=ref("Machine"),
        Queue=ref("Queue"),
    )
    states, sqs = client(cloud, "stepfunctions"), client(cloud, "sqs")
    run = states.start_execution(stateMachineArn=stack.outputs["Machine"])
    (asked,) = sqs.receive_message(QueueUrl=stack.outputs["Queue"], WaitTimeSeconds=20)["Messages"]

    def described() -> Mapping[str, Any]:
        return dict(states.describe_execution(executionArn=run["executionArn"]))

    # Longer than the heartbeat in all, never nearly as long between two.
    over = time.monotonic() + 1.2 * HEARTBEAT
    while time.monotonic() < over:
        states.send_task_heartbeat(taskToken=asked["Body"])
        time.sleep(0.1)
    assert described()["status"] == "RUNNING"
    assert eventually(lambda: described()["status"] != "RUNNING")
    assert described()["error"] == "States.HeartbeatTimeout"


# Rights


UPDATE = {
    "TableName": ref("Table"),
    "Key": {"pk": {"S": "1"}},
    "UpdateExpression": "SET a = :a",
    "ExpressionAttributeValues": {":a": {"S": "1"}},
}
SEND = {"QueueUrl": ref("Queue"), "MessageBody": "hello"}


@pytest.mark.parametrize(
    ("resource", "arguments", "action", "error"),
    [
        (
            INVOKE,
            {"FunctionName": get("Logs")},
            "lambda:InvokeFunction",
            "Lambda.AWSLambdaException",
        ),
        (
            "arn:aws:states:::dynamodb:updateItem",
            UPDATE,
            "dynamodb:UpdateItem",
            "DynamoDB.AmazonDynamoDBException",
        ),
        ("arn:aws:states:::sqs:sendMessage", SEND, "sqs:SendMessage", "SQS.AmazonSQSException"),
        (
            "arn:aws:states:::aws-sdk:dynamodb:updateItem",
            UPDATE,
            "dynamodb:UpdateItem",
            "DynamoDb.DynamoDbException",
        ),
        (
            "arn:aws:states:::aws-sdk:sqs:sendMessage",
            SEND,
            "sqs:SendMessage",
            "Sqs.SqsException",
        ),
    ],
    ids=["lambda", "dynamodb", "sqs", "sdk-dynamodb", "sdk-sqs"],
)
def test_task_needs_the_right_in_its_machines_role(
    cloud: Cloud,
    deploy: Deploy,
    resource: str,
    arguments: Mapping[str, Any],
    action: str,
    error: str,
) -> None:
    key = [{"AttributeName": "pk", "AttributeType": "S"}]
    table = {
        "AttributeDefinitions": key,
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    allowed = machine({"Do": task(resource, Arguments=arguments)}, RoleArn=get("Allowed"))
    denied = machine({"Do": task(resource, Arguments=arguments)}, RoleArn=get("Denied"))
    stack = deploy(
        {
            "Role": role(),
            "Allowed": machine_role(action),
            "Denied": machine_role("sns:Publish"),
            "Logs": function("logs"),
            "Queue": {"Type": "AWS::SQS::Queue"},
            "Table": {"Type": "AWS::DynamoDB::Table", "Properties": table},
            **allowed,
            "Powerless": denied["Machine"],
        },
        Allowed=ref("Machine"),
        Denied=ref("Powerless"),
        Role=get("Denied"),
    )
    assert outcome(cloud, stack.outputs["Allowed"])["status"] == "SUCCEEDED"
    run = outcome(cloud, stack.outputs["Denied"])
    assert (run["status"], run["error"]) == ("FAILED", error)
    assert f"{stack.outputs['Role']} is not authorized to perform: {action}" in run["cause"]
    assert run["cause"] in cloud.log.read_text()


def test_machine_fails_if_its_role_does_not_trust_step_functions(
    cloud: Cloud, deploy: Deploy
) -> None:
    stack = deploy(
        {
            "Role": role("lambda:InvokeFunction", service="lambda"),
            "Logs": function("logs"),
            **machine({"Do": task(Arguments={"FunctionName": get("Logs")})}),
        },
        Machine=ref("Machine"),
    )
    run = outcome(cloud, stack.outputs["Machine"])
    assert "states.amazonaws.com is not authorized to perform: sts:AssumeRole" in run["cause"]


# The emulator, as this patch knows it


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("_run_execution", ["exec_arn"]),
        ("_fail_execution", ["execution", "error", "cause"]),
        ("_find_matching_retrier", ["retriers", "error", "retry_counts"]),
        ("_invoke_resource", ["resource", "input_data"]),
        ("_invoke_with_callback", ["resource", "input_data", "token", "state_def"]),
        ("_apply_output_path", ["state_def", "data", "ctx"]),
        ("_call_lambda", ["func_ref", "event"]),
    ],
)
def test_patched_function_of_ministack_is_where_it_is_expected(
    name: str, parameters: list[str]
) -> None:
    seam = getattr(stepfunctions, name, None)
    assert seam, f"MiniStack moved stepfunctions.{name}: adapt emulator/patches/state_machines.py"
    assert list(inspect.signature(seam).parameters) == parameters


@pytest.mark.parametrize(
    "missing",
    ['TIMED_OUT"', "HeartbeatSeconds", "MaxDelaySeconds", "JitterStrategy", "enforce("],
)
def test_ministack_still_lacks_what_the_patch_adds(missing: str) -> None:
    assert missing not in inspect.getsource(stepfunctions), (
        f"MiniStack knows {missing} now: take it out of emulator/patches/state_machines.py"
    )

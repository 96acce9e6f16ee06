"""Step Functions asks for rights and names errors as AWS does."""

import inspect
import json
from collections.abc import Mapping
from typing import Any

import pytest
from ministack.services import stepfunctions

from emulator.cloud import Cloud
from tests.support.small_stacks import Deploy, function, get, machine, outcome, ref, role
from tests.support.state_machines import INVOKE, machine_role, task

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

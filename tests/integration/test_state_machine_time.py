"""Step Functions keeps time as AWS does: retries, time-outs and heartbeats."""

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from ministack.services import stepfunctions

from emulator.cloud import Cloud
from emulator.patches import state_machines
from tests.support.deliveries import eventually
from tests.support.small_stacks import Deploy, client, function, get, machine, outcome, ref, role
from tests.support.state_machines import machine_role, task

HEARTBEAT = 2
PATIENT = {"IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 30}


def history(cloud: Cloud, run: Mapping[str, Any]) -> list[str]:
    states = client(cloud, "stepfunctions")
    events = states.get_execution_history(executionArn=run["executionArn"])["events"]
    return [event["type"] for event in events]


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

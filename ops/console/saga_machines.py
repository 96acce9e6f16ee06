"""The state machine's definition with which an execution ran."""

import json
from collections.abc import Mapping
from typing import Any

from ops.deployed import Deployed, OperationError
from ops.dlq.templates import MACHINE, Templates
from ops.orders.executions import is_execution_arn, is_express


def definition_of(deployed: Deployed, execution: str) -> Mapping[str, Any]:
    """Return the definition with which an execution ran; the present one if AWS does not keep it.

    https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachineForExecution.html

    Raises:
        OperationError: ``execution`` is not an execution's ARN.
        ClientError: the machine does not exist any more, or may not be read.
    """
    if not is_execution_arn(execution):
        raise OperationError(f"{execution} is no execution's ARN")
    states = deployed.client("stepfunctions")
    if not is_express(execution):
        answer = states.describe_state_machine_for_execution(executionArn=execution)
        found: Mapping[str, Any] = json.loads(answer["definition"])
        return found
    parts = execution.split(":")
    machine = ":".join([*parts[:5], "stateMachine", parts[6]])
    current: Mapping[str, Any] = json.loads(
        states.describe_state_machine(stateMachineArn=machine)["definition"]
    )
    return current


def name_of(templates: Templates, execution: str) -> str:
    """Return the logical name of an execution's machine; if it is unknown, the ARN."""
    for machine in templates.resources(MACHINE):
        if machine.matches_arn(execution):
            return machine.name.rpartition("/")[2]
    return execution

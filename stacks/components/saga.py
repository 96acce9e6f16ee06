"""Sagas: pairs of action and compensation, made into a state machine.

What holds for every saga built here:

- It first claims its record by a conditional write with an owner and a lease. A second delivery of
  the event that starts it finds the claim, and ends at once and harmlessly.
- A refusal is never retried; what was done before it is undone, in reverse order.
- Any other failure is retried with backoff and full jitter; then undoing starts with the failed
  step itself, because after a time-out nobody knows whether it took effect.
- A compensation that fails for good is parked on the repair queue with all that is needed to
  finish it, and the others run on. So is a record whose outcome could not be written.
- The outcome is written together with the record's next sequence number, counted from the event
  that started the saga: written twice, it is the same write.

``definition`` is the whole of it as Amazon States Language (JSONata), without any AWS resource.
https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_origin

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from lambdas.contracts.codec import field_types
from lambdas.contracts.event import Command, Refusal
from stacks.components.nag import acknowledge
from stacks.environments import Environment

TECHNICAL_FAILURE = "TechnicalFailure"
CONDITION_FAILED = "DynamoDB.ConditionalCheckFailedException"
EXPRESS_LIMIT = 300
"""An Express workflow is cut off after five minutes.
https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

State = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A function, asked with a command."""

    command: type[Command]
    function: lambda_.IFunction

    @property
    def name(self) -> str:
        """The state's name: the command's."""
        return self.command.__name__

    @property
    def payload(self) -> dict[str, str]:
        """The command's fields, taken from the data of the event that started the saga."""
        return {field: f"{{% {source} %}}" for field, source in self.fields.items()}

    @property
    def fields(self) -> dict[str, str]:
        """Where each of the command's fields comes from, as JSONata expressions.

        An array stands in brackets, because JSONata takes an array of one for its only element.
        https://docs.jsonata.org/processing#sequences
        """
        return {
            field: f"[$subject.{field}]" if get_origin(kind) is tuple else f"$subject.{field}"
            for field, kind in field_types(self.command).items()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An action, the refusals it may answer with, and the compensation that undoes it."""

    action: Call
    refusals: tuple[type[Refusal], ...]
    compensation: Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The table whose record a saga claims and decides, and the states it moves between."""

    table: dynamodb.ITableV2
    key: str
    open: str
    done: str
    undone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a saga waits, in seconds, and how often it tries again.

    The sum of the longest path, undoing included, has to stay below ``machine``, which Step
    Functions enforces by ending the execution wherever it is.
    """

    machine: int
    call: int = 8
    write: int = 3
    action_retries: int
    compensation_retries: int
    write_retries: int = 3
    longest_delay: int

    @property
    def lease(self) -> int:
        """For how long a claim holds: beyond the life of the execution that made it."""
        return self.machine + 60


STANDARD = Patience(machine=900, action_retries=3, compensation_retries=6, longest_delay=32)
EXPRESS = Patience(machine=EXPRESS_LIMIT, action_retries=2, compensation_retries=2, longest_delay=4)


def definition(
    *, record: Record, steps: Sequence[Step], repair_queue: sqs.IQueue, patience: Patience
) -> dict[str, Any]:
    """The saga as Amazon States Language.

    Its input is the ``detail`` of the event that starts it: ``metadata`` and ``data``.
    """
    return {
        "QueryLanguage": "JSONata",
        "TimeoutSeconds": patience.machine,
        "StartAt": "Claim",
        "States": dict(_states(record, steps, repair_queue.queue_url, patience)),
    }


def _states(
    record: Record, steps: Sequence[Step], repair_queue: str, patience: Patience
) -> Iterator[tuple[str, State]]:
    undo = [step.compensation.name for step in steps]
    do = [step.action.name for step in steps]

    yield (
        "Claim",
        _claim(record, patience)
        | {
            "Assign": {
                "subject": "{% $states.input.data %}",
                "sequence": "{% $states.input.metadata.sequence %}",
                "parked": [],
            },
            "Catch": [{"ErrorEquals": [CONDITION_FAILED], "Next": "NotOurs"}, _give_up("Claim")],
            "Next": do[0],
        },
    )
    yield (
        "NotOurs",
        {
            "Type": "Succeed",
            "Comment": "Another execution has the claim, or the record is open no longer",
        },
    )

    for i, step in enumerate(steps):
        refused = undo[i - 1] if i else "Reject"
        yield (
            do[i],
            _call(step.action, patience, patience.action_retries, step.refusals)
            | {
                "Catch": [_refusal(step.refusals, refused), _failure(do[i], undo[i])],
                "Next": [*do, "Confirm"][i + 1],
            },
        )
    yield (
        "Confirm",
        _settle(record, record.done, {}, patience)
        | {
            "Catch": [_give_up("Confirm")],
            "End": True,
        },
    )

    for i, step in reversed(list(enumerate(steps))):
        after = undo[i - 1] if i else "Reject"
        park = f"Park{undo[i]}"
        yield (
            undo[i],
            _call(step.compensation, patience, patience.compensation_retries)
            | {
                "Catch": [_assigning({"error": "{% $states.errorOutput %}"}, next=park)],
                "Next": after,
            },
        )
        note = {"parked": f"{{% $append($parked, ['{undo[i]}']) %}}"}
        yield (
            park,
            _park(step.compensation, repair_queue, patience)
            | {
                "Assign": note,
                "Catch": [_assigning(note, next=after)],
                "Next": after,
            },
        )

    why = {"reason": "{% $reason %}", "explanation": "{% $explanation %}"}
    yield (
        "Reject",
        _settle(record, record.undone, why, patience)
        | {
            "Catch": [_give_up("Reject")],
            "Next": "AllUndone",
        },
    )
    yield (
        "AllUndone",
        {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $count($parked) > 0 %}", "Next": "CallForAttention"}],
            "Default": "Undone",
        },
    )
    yield (
        "CallForAttention",
        _call_for_attention(record, patience)
        | {
            "Catch": [_give_up("CallForAttention")],
            "Next": "Undone",
        },
    )
    yield "Undone", {"Type": "Succeed"}

    yield (
        "ParkRecord",
        _send(repair_queue, _parked_record(record), patience) | {"Next": "OutcomeUnknown"},
    )
    yield (
        "OutcomeUnknown",
        {
            "Type": "Fail",
            "Error": "OutcomeUnknown",
            "Cause": "The record could not be written; it waits on the repair queue",
        },
    )


def _claim(record: Record, patience: Patience) -> State:
    now = "$floor($millis() / 1000)"
    return _update(
        record,
        f"$states.input.data.{record.key}",
        patience,
        update="SET claim_owner = :me, claim_until = :until",
        condition="#state = :open AND (attribute_not_exists(claim_owner) OR claim_owner = :me"
        " OR claim_until < :now)",
        names={"#state": "state"},
        values={
            ":me": {"S": "{% $states.context.Execution.Id %}"},
            ":open": {"S": record.open},
            ":now": {"N": f"{{% $string({now}) %}}"},
            ":until": {"N": f"{{% $string({now} + {patience.lease}) %}}"},
        },
    )


def _settle(record: Record, state: str, also: dict[str, str], patience: Patience) -> State:
    """Write the outcome, under our claim; a second time it writes the same."""
    return _update(
        record,
        f"$subject.{record.key}",
        patience,
        update=", ".join(
            [
                "SET #state = :state, #sequence = :sequence, changed_at = :now",
                *(f"{name} = :{name}" for name in also),
            ]
        ),
        condition="claim_owner = :me AND #state IN (:open, :state)",
        names={"#state": "state", "#sequence": "sequence"},
        values={
            ":me": {"S": "{% $states.context.Execution.Id %}"},
            ":open": {"S": record.open},
            ":state": {"S": state},
            ":sequence": {"N": "{% $string($sequence + 1) %}"},
            ":now": {"S": "{% $now() %}"},
            **{f":{name}": {"S": value} for name, value in also.items()},
        },
    )


def _call_for_attention(record: Record, patience: Patience) -> State:
    return _update(
        record,
        f"$subject.{record.key}",
        patience,
        update="SET parked = :parked, #sequence = :sequence, changed_at = :now",
        condition="claim_owner = :me",
        names={"#sequence": "sequence"},
        values={
            ":me": {"S": "{% $states.context.Execution.Id %}"},
            ":parked": {"L": "{% [$map($parked, function($name) { {'S': $name} })] %}"},
            ":sequence": {"N": "{% $string($sequence + 2) %}"},
            ":now": {"S": "{% $now() %}"},
        },
    )


def _update(
    record: Record,
    key: str,
    patience: Patience,
    *,
    update: str,
    condition: str,
    names: dict[str, str],
    values: dict[str, Any],
) -> State:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::dynamodb:updateItem",
        "Arguments": {
            "TableName": record.table.table_name,
            "Key": {record.key: {"S": f"{{% {key} %}}"}},
            "UpdateExpression": update,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        },
        "TimeoutSeconds": patience.write,
        "Retry": _retry([CONDITION_FAILED], patience.write_retries, patience),
        "Output": {},
    }


def _call(
    call: Call, patience: Patience, retries: int, refusals: Sequence[type[Refusal]] = ()
) -> State:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": call.function.function_arn, "Payload": call.payload},
        "TimeoutSeconds": patience.call,
        "Retry": _retry([refusal.__name__ for refusal in refusals], retries, patience),
        "Output": {},
    }


def _park(call: Call, repair_queue: str, patience: Patience) -> State:
    """Send all that is needed to finish a compensation by command."""
    body = {
        "compensation": f"'{call.name}'",
        "function": f"'{call.function.function_arn}'",
        "payload": _object(call.fields),
        "error": "$error",
        "execution": "$states.context.Execution.Id",
    }
    return _send(repair_queue, body, patience)


def _parked_record(record: Record) -> dict[str, str]:
    return {
        "record": f"$subject.{record.key}",
        "write": "$unwritten",
        "error": "$error",
        "execution": "$states.context.Execution.Id",
    }


def _send(queue: str, body: dict[str, str], patience: Patience) -> State:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Arguments": {"QueueUrl": queue, "MessageBody": f"{{% $string({_object(body)}) %}}"},
        "TimeoutSeconds": patience.write,
        "Retry": _retry([], patience.write_retries, patience),
        "Output": {},
    }


def _object(fields: dict[str, str]) -> str:
    """A JSONata object constructor of named expressions."""
    return "{" + ", ".join(f"'{name}': {source}" for name, source in fields.items()) + "}"


def _retry(never: Sequence[str], attempts: int, patience: Patience) -> list[State]:
    backoff = {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": 1,
        "BackoffRate": 2,
        "MaxDelaySeconds": patience.longest_delay,
        "JitterStrategy": "FULL",
        "MaxAttempts": attempts,
    }
    return [*([{"ErrorEquals": list(never), "MaxAttempts": 0}] if never else []), backoff]


def _refusal(refusals: Sequence[type[Refusal]], next: str) -> State:
    return {
        "ErrorEquals": [refusal.__name__ for refusal in refusals],
        "Assign": {
            "reason": "{% $states.errorOutput.Error %}",
            "explanation": "{% $parse($states.errorOutput.Cause).errorMessage %}",
        },
        "Next": next,
    }


def _failure(name: str, next: str) -> State:
    return _assigning(
        {
            "reason": TECHNICAL_FAILURE,
            "explanation": f"{{% '{name}: ' & $states.errorOutput.Error %}}",
        },
        next=next,
    )


def _give_up(write: str) -> State:
    return _assigning(
        {"unwritten": write, "error": "{% $states.errorOutput %}"}
        | ({"subject": "{% $states.input.data %}"} if write == "Claim" else {}),
        next="ParkRecord",
    )


def _assigning(variables: dict[str, Any], *, next: str) -> State:
    return {"ErrorEquals": ["States.ALL"], "Assign": variables, "Next": next}


class Saga(Construct):
    """A saga's state machine, with the right to do what its definition says and nothing else."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment,
        record: Record,
        steps: Sequence[Step],
        repair_queue: sqs.IQueue,
    ) -> None:
        """Declare the saga; ``machine`` is its state machine, to be started by a rule."""
        super().__init__(scope, id)
        express = env.saga_type == sfn.StateMachineType.EXPRESS
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        calls = [call for step in steps for call in (step.action, step.compensation)]
        for actions, resources in (
            (["lambda:InvokeFunction"], [call.function.function_arn for call in calls]),
            (["dynamodb:UpdateItem"], [record.table.table_arn]),
            (["sqs:SendMessage"], [repair_queue.queue_arn]),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=actions, resources=resources))
        acknowledge(
            role,
            "AwsSolutions-IAM5[Resource::*]",
            because="X-Ray and the delivery of Step Functions' own logs know no resources",
        )
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            state_machine_type=env.saga_type,
            definition_body=sfn.DefinitionBody.from_string(
                Stack.of(self).to_json_string(
                    definition(
                        record=record,
                        steps=steps,
                        repair_queue=repair_queue,
                        patience=EXPRESS if express else STANDARD,
                    )
                )
            ),
            role=role,
            # The history without the data: orders are in orders' table, not in a log.
            logs=sfn.LogOptions(
                destination=logs.LogGroup(
                    self,
                    "Logs",
                    log_group_name=f"/aws/vendedlogs/states/{env.stack(id)}".lower(),
                    retention=env.log_retention,
                    removal_policy=RemovalPolicy.DESTROY,
                ),
                level=sfn.LogLevel.ALL,
                include_execution_data=False,
            ),
            tracing_enabled=True,
        )

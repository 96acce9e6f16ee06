"""A saga as Amazon States Language (JSONata), without any AWS resource.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from collections.abc import Iterator, Sequence
from typing import Any

from aws_cdk import aws_sqs as sqs

from lambdas.contracts.event import TECHNICAL_FAILURE, Refusal
from stacks.components.saga_steps import Call, Patience, Record, Step

CONDITION_FAILED = "DynamoDB.ConditionalCheckFailedException"

State = dict[str, Any]


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

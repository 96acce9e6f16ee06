"""The definition of a saga in Amazon States Language (JSONata); it declares no AWS resource.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from collections.abc import Sequence
from typing import Any

from aws_cdk import aws_sqs as sqs

from lambdas.contracts.transient import TRANSIENT_ERRORS
from stacks.constructs.saga.action_states import action_states
from stacks.constructs.saga.catches import cancellation_reason
from stacks.constructs.saga.compensation_states import compensation_states
from stacks.constructs.saga.deferral_states import LEFT_TO_SCHEDULE, deferral_states
from stacks.constructs.saga.model import SagaRecord, SagaStep, Timeouts
from stacks.constructs.saga.tasks import (
    CONDITION_FAILED,
    EXECUTION_ID,
    EXPRESSION_FAILED,
    State,
    Tasks,
)


def build_definition(
    *,
    record: SagaRecord,
    steps: Sequence[SagaStep],
    versions: Sequence[int],
    repair_queue: sqs.IQueue,
    timeouts: Timeouts,
) -> dict[str, Any]:
    """Return the saga in Amazon States Language.

    Its input is the ``detail`` of the event that starts it: ``metadata`` and ``data``. A state
    machine cannot upcast data, so the fields that the commands need are the same in all
    ``versions`` of that event.

    Raises:
        ValueError: a step that may be irreversible is not the last one.
    """
    for step in steps[:-1]:
        if step.irreversible:
            raise ValueError(
                f"{step.action.name} may be irreversible, so it must be the saga's last step, and "
                f"{steps[-1].action.name} is: put it before"
            )
    tasks = Tasks(record, repair_queue.queue_url, timeouts)
    first, undo = steps[0].action.name, steps[-1].compensation.name
    return {
        "QueryLanguage": "JSONata",
        "TimeoutSeconds": timeouts.execution,
        "StartAt": "Claim",
        "States": {
            **_claim_states(tasks, versions, next=first, undo=undo),
            **(action_states(tasks, steps) if record.completed else {}),
            **compensation_states(tasks, steps),
            **deferral_states(tasks),
            **_dead_letter_states(tasks),
        },
    }


def _claim_states(
    tasks: Tasks, versions: Sequence[int], *, next: str, undo: str
) -> dict[str, State]:
    """Claim the record. Continue with ``next``, or with ``undo`` if the record has to be undone."""
    columns = tasks.columns
    decided = (columns.cancel_requested_at, columns.reason)
    undecided = "".join(f" AND attribute_not_exists({column})" for column in decided)
    to_undo = f" AND (attribute_exists({decided[0]}) OR attribute_exists({decided[1]}))"
    claims = (
        {
            "Claim": _claim(tasks, versions, undecided, next=next, otherwise="ClaimToUndo"),
            "ClaimToUndo": _claim(tasks, versions, to_undo, next=undo, otherwise="AlreadyClaimed"),
        }
        if tasks.record.completed
        else {"Claim": _claim(tasks, versions, "", next=undo, otherwise="AlreadyClaimed")}
    )
    return {
        **claims,
        "AlreadyClaimed": {
            "Type": "Succeed",
            "Comment": "Another execution has the claim, or the record is open no longer",
        },
        "NotClaimed": {
            "Type": "Fail",
            "Error": "NotClaimed",
            "Cause": "The record could not be claimed; its event is published again",
        },
    }


def _claim(
    tasks: Tasks, versions: Sequence[int], condition: str, *, next: str, otherwise: str
) -> State:
    """Return the write that claims the record if ``condition`` holds, and sets the variables.

    It dead-letters a record whose event has another version, by the event's metadata. This is no
    state of its own: Step Functions bills each transition, also that into a choice.
    """
    columns = tasks.columns
    now = "$floor($millis() / 1000)"
    claim = tasks.update(
        f"SET {columns.claim_owner} = :me, {columns.claim_until} = :until"
        f" ADD {columns.claimed_by} :mine",
        condition=f"#state = :initial AND (attribute_not_exists({columns.claim_owner})"
        f" OR {tasks.owns_claim} OR {columns.claim_until} < :now){condition}",
        values={
            ":initial": {"S": tasks.record.initial},
            ":now": {"N": f"{{% $string({now}) %}}"},
            ":until": {"N": f"{{% $string({now} + {tasks.timeouts.lease}) %}}"},
            ":mine": {"SS": [EXECUTION_ID]},
        },
    )
    # The variable $data is not assigned yet.
    event = "$states.context.Execution.Input"
    version, read = f"{event}.metadata.schema_version", " and ".join(map(str, versions))
    problem = f"'schema_version is ' & $string({version}) & ', this saga reads {read}'"
    is_known = f"$assert({version} in {list(versions)}, {problem})"
    claim["Arguments"]["Key"] = {
        columns.key: {"S": f"{{% ({is_known}; {event}.data.{columns.key}) %}}"}
    }
    claim["Arguments"]["ReturnValues"] = "ALL_OLD"
    deferrals = f"$states.result.Attributes.{columns.deferrals}.N"
    return claim | {
        "Assign": {
            "data": f"{{% {event}.data %}}",
            "sequence": f"{{% {event}.metadata.sequence %}}",
            "dead_lettered": [],
            "busy": False,
            # An earlier execution had the claim, or the response to this execution's first attempt
            # was lost: that attempt may then have taken the claim over.
            "taken_over": f"{{% $exists($states.result.Attributes.{columns.claimed_by}) %}}",
            "outcome": _outcome(tasks.record),
            "deferrals": f"{{% $exists({deferrals}) ? $number({deferrals}) : 0 %}}",
            **cancellation_reason(columns),
        },
        "Catch": [
            {"ErrorEquals": [CONDITION_FAILED], "Next": otherwise},
            {
                "ErrorEquals": [EXPRESSION_FAILED],
                "Assign": {
                    "data": {columns.key: f"{{% {event}.metadata.subject %}}"},
                    "failed_write": "Claim",
                    "error": {
                        "Error": "UnreadableEvent",
                        "Cause": "{% $states.errorOutput.Cause %}",
                    },
                },
                "Next": "DeadLetterRecord",
            },
            {"ErrorEquals": list(TRANSIENT_ERRORS), "Next": LEFT_TO_SCHEDULE},
            {"ErrorEquals": ["States.ALL"], "Next": "NotClaimed"},
        ],
        "Next": next,
    }


def _outcome(record: SagaRecord) -> str:
    """Return JSONata for the undone record's state: cancelled if that was requested."""
    if not record.cancelled:
        return record.compensated
    requested = f"$exists($states.result.Attributes.{record.columns.cancel_requested_at})"
    return f"{{% {requested} ? '{record.cancelled}' : '{record.compensated}' %}}"


def _dead_letter_states(tasks: Tasks) -> dict[str, State]:
    """Dead-letter a record whose event cannot be read or that could not be written, then fail."""
    record = {
        "record": f"$data.{tasks.columns.key}",
        "write": "$failed_write",
        "error": "$error",
        "execution": "$states.context.Execution.Id",
    }
    return {
        "DeadLetterRecord": tasks.send(record) | {"Next": "OutcomeUnknown"},
        "OutcomeUnknown": {
            "Type": "Fail",
            "Error": "OutcomeUnknown",
            "Cause": "The record could not be written; it waits on the repair queue",
        },
    }

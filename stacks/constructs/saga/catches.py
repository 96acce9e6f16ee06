"""What a saga does when a task fails: it keeps the reason in variables and goes on elsewhere."""

from collections.abc import Sequence
from typing import Any

from lambdas.contracts.commands import CANCELLED, TECHNICAL_FAILURE, Refusal
from lambdas.contracts.transient import TRANSIENT_ERRORS
from stacks.constructs.saga.model import RecordColumns, SagaRecord, Timeouts
from stacks.constructs.saga.tasks import State

ANYTHING_TO_UNDO = "AnythingToUndo"
"""The state that goes on to undo the record, or ends it at once."""
DEFER, DEFER_UNDOING = "Defer", "DeferUndoing"
"""The states that defer the record: to go on with its actions, or to go on undoing them."""


def cancellation_reason(columns: RecordColumns) -> dict[str, str]:
    """Return the variables that say why a record is undone, from the record just read.

    Records that were cancelled before they had these columns get a default.
    """
    defaults = {
        "reason": (columns.reason, CANCELLED),
        "explanation": (columns.explanation, "cancelled by the customer"),
    }
    return {
        variable: f"{{% $exists($states.result.Attributes.{column})"
        f" ? $states.result.Attributes.{column}.S : '{default}' %}}"
        for variable, (column, default) in defaults.items()
    }


def catch_refusals(
    record: SagaRecord, refusals: Sequence[type[Refusal]], *, undo_from: str
) -> State:
    """Undo because of a refusal, from that compensation on."""
    why = _reason_variables(
        record, "$states.errorOutput.Error", "$parse($states.errorOutput.Cause).errorMessage"
    )
    return _catch_names(refusals, why | {"undo_from": undo_from}, next=ANYTHING_TO_UNDO)


def catch_already_compensated(
    record: SagaRecord, refusals: Sequence[type[Refusal]], action: str, *, undo_from: str
) -> State:
    """Undo because the step was undone without a reason on record, from that compensation on."""
    why = _reason_variables(
        record, f"'{TECHNICAL_FAILURE}'", f"'{action}: ' & $states.errorOutput.Error"
    )
    return _catch_names(refusals, why | {"undo_from": undo_from}, next=ANYTHING_TO_UNDO)


def catch_failures(step: str, timeouts: Timeouts, *, next: str) -> list[State]:
    """Defer the record because this state failed: for less long if somebody is only busy."""
    why = _failure_variables(step, timeouts.max_failing_deferral)
    return [catch_transient(step, timeouts, {}, next=next), catch_all(why, next=next)]


def catch_transient(
    step: str, timeouts: Timeouts, variables: dict[str, Any], *, next: str
) -> State:
    """Keep that this state failed because somebody is busy, set the variables, and go on there."""
    return {
        "ErrorEquals": list(TRANSIENT_ERRORS),
        "Assign": _failure_variables(step, timeouts.max_busy_deferral) | variables,
        "Next": next,
    }


def _failure_variables(step: str, max_deferral: int) -> dict[str, Any]:
    error = "{% $states.errorOutput.Error %}"
    return {"deferred_step": step, "deferred_error": error, "max_deferral": max_deferral}


def catch_all(variables: dict[str, Any], *, next: str) -> State:
    """On any error, set the variables and go on there."""
    return {"ErrorEquals": ["States.ALL"], "Assign": variables, "Next": next}


def _catch_names(
    refusals: Sequence[type[Refusal]], variables: dict[str, str], *, next: str
) -> State:
    names = [refusal.__name__ for refusal in refusals]
    return {"ErrorEquals": names, "Assign": variables, "Next": next}


def _reason_variables(record: SagaRecord, reason: str, explanation: str) -> dict[str, str]:
    """Why the record is undone, as JSONata. A cancelled record keeps its own reason."""
    cancelled = f"$outcome = '{record.cancelled}'"
    return {
        "reason": f"{{% {cancelled} ? $reason : {reason} %}}",
        "explanation": f"{{% {cancelled} ? $explanation : {explanation} %}}",
    }

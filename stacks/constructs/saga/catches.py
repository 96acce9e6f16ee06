"""The catchers of a saga's tasks: they keep the reason in variables and choose the next state."""

from collections.abc import Sequence
from typing import Any

from lambdas.contracts.commands import CANCELLED, TECHNICAL_FAILURE, Refusal
from lambdas.contracts.transient import TRANSIENT_ERRORS
from stacks.constructs.saga.model import RecordColumns, SagaRecord, Timeouts
from stacks.constructs.saga.tasks import State

ANYTHING_TO_UNDO = "AnythingToUndo"
"""The state that decides whether there is anything to undo, or only the outcome to write."""
DEFER, DEFER_UNDOING = "Defer", "DeferUndoing"
"""The states that defer the record: to go on with its actions, or to go on undoing them."""


def cancellation_reason(columns: RecordColumns) -> dict[str, str]:
    """Return variables with the reason of the cancellation, from the record that was just read.

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
    """On one of these refusals, begin to undo at the compensation ``undo_from``."""
    why = _reason_variables(
        record, "$states.errorOutput.Error", "$parse($states.errorOutput.Cause).errorMessage"
    )
    return _catch_names(refusals, why | {"undo_from": undo_from}, next=ANYTHING_TO_UNDO)


def catch_already_compensated(
    record: SagaRecord, refusals: Sequence[type[Refusal]], action: str, *, undo_from: str
) -> State:
    """Begin to undo at ``undo_from`` if the step was undone before and no reason is recorded."""
    why = _reason_variables(
        record, f"'{TECHNICAL_FAILURE}'", f"'{action}: ' & $states.errorOutput.Error"
    )
    return _catch_names(refusals, why | {"undo_from": undo_from}, next=ANYTHING_TO_UNDO)


def catch_failures(step: str, timeouts: Timeouts, *, next: str) -> list[State]:
    """Defer the record because this state failed: for a shorter time if the error is transient."""
    why = _failure_variables(step, timeouts.max_failing_deferral)
    return [catch_transient(step, timeouts, {}, next=next), catch_all(why, next=next)]


def catch_transient(
    step: str, timeouts: Timeouts, variables: dict[str, Any], *, next: str
) -> State:
    """On a transient error, record this state as failed, set the variables, and go to ``next``."""
    return {
        "ErrorEquals": list(TRANSIENT_ERRORS),
        "Assign": _failure_variables(step, timeouts.max_busy_deferral) | variables,
        "Next": next,
    }


def catch_as_busy(step: str, timeouts: Timeouts, *, next: str) -> State:
    """On any error, record this state as failed and the saga as busy, and go to ``next``."""
    why = _failure_variables(step, timeouts.max_busy_deferral)
    return catch_all(why | {"busy": True}, next=next)


def _failure_variables(step: str, max_deferral: int) -> dict[str, Any]:
    error = "{% $states.errorOutput.Error %}"
    return {"deferred_step": step, "deferred_error": error, "max_deferral": max_deferral}


def catch_all(variables: dict[str, Any], *, next: str) -> State:
    """On any error, set the variables and go to ``next``."""
    return {"ErrorEquals": ["States.ALL"], "Assign": variables, "Next": next}


def _catch_names(
    refusals: Sequence[type[Refusal]], variables: dict[str, str], *, next: str
) -> State:
    names = [refusal.__name__ for refusal in refusals]
    return {"ErrorEquals": names, "Assign": variables, "Next": next}


def _reason_variables(record: SagaRecord, reason: str, explanation: str) -> dict[str, str]:
    """Return the variables for the reason, as JSONata. A cancelled record keeps its own reason."""
    cancelled = f"$outcome = '{record.cancelled}'"
    return {
        "reason": f"{{% {cancelled} ? $reason : {reason} %}}",
        "explanation": f"{{% {cancelled} ? $explanation : {explanation} %}}",
    }

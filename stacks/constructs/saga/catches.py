"""What a saga does when a task fails: it keeps the reason in variables and goes on elsewhere."""

from collections.abc import Sequence
from typing import Any

from lambdas.contracts.commands import CANCELLED, TECHNICAL_FAILURE, Refusal
from stacks.constructs.saga.model import RecordColumns, SagaRecord
from stacks.constructs.saga.tasks import State


def cancellation_reason(columns: RecordColumns) -> dict[str, str]:
    """Return the variables that say why a cancelled record is undone, from the record just read.

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
    return {
        "ErrorEquals": [refusal.__name__ for refusal in refusals],
        "Assign": why | {"undo_from": undo_from},
        "Next": "Undo",
    }


def catch_failure(record: SagaRecord, action: str, *, undo_from: str) -> State:
    """Undo because an action failed, from that compensation on."""
    why = _reason_variables(
        record, f"'{TECHNICAL_FAILURE}'", f"'{action}: ' & $states.errorOutput.Error"
    )
    return catch_all(why | {"undo_from": undo_from}, next="Undo")


def catch_failed_write(write: str, also: dict[str, str] | None = None) -> State:
    """Dead-letter the record, because this write of it failed."""
    error = {"failed_write": write, "error": "{% $states.errorOutput %}"}
    return catch_all(error | (also or {}), next="DeadLetterRecord")


def catch_all(variables: dict[str, Any], *, next: str) -> State:
    """On any error, set the variables and go on there."""
    return {"ErrorEquals": ["States.ALL"], "Assign": variables, "Next": next}


def _reason_variables(record: SagaRecord, reason: str, explanation: str) -> dict[str, str]:
    """Why the record is undone, as JSONata. A cancelled record keeps its own reason."""
    cancelled = f"$outcome = '{record.cancelled}'"
    return {
        "reason": f"{{% {cancelled} ? $reason : {reason} %}}",
        "explanation": f"{{% {cancelled} ? $explanation : {explanation} %}}",
    }

"""A saga's actions, and the write that confirms the record."""

from collections.abc import Sequence

from stacks.constructs.saga.catches import (
    ANYTHING_TO_UNDO,
    DEFER,
    DEFER_UNDOING,
    cancellation_reason,
    catch_already_compensated,
    catch_failures,
    catch_refusals,
)
from stacks.constructs.saga.compensation_states import compensation_before
from stacks.constructs.saga.deferral_states import LEFT_TO_SCHEDULE
from stacks.constructs.saga.model import SagaRecord, SagaStep
from stacks.constructs.saga.tasks import CONDITION_FAILED, NOW, State, Tasks


def action_states(tasks: Tasks, steps: Sequence[SagaStep]) -> dict[str, State]:
    """Return the states from the first action to the confirmation, and those that begin to undo."""
    return {
        **_actions(tasks, steps),
        **_undo(tasks, steps),
        "Confirm": _confirm(tasks),
        "Cancel": _cancel(tasks) | {"Next": steps[-1].compensation.name},
    }


def _actions(tasks: Tasks, steps: Sequence[SagaStep]) -> dict[str, State]:
    following = [*(step.action.name for step in steps[1:]), "Confirm"]
    return {
        step.action.name: tasks.call(
            step.action,
            tasks.timeouts.action_retries,
            (*step.refusals, *step.already_compensated),
        )
        | {
            "Catch": [
                catch_refusals(
                    tasks.record, step.refusals, undo_from=compensation_before(steps, i)
                ),
                *(
                    [
                        catch_already_compensated(
                            tasks.record,
                            step.already_compensated,
                            step.action.name,
                            undo_from=_first_compensation(tasks.record, steps, step),
                        )
                    ]
                    if step.already_compensated
                    else []
                ),
                *catch_failures(step.action.name, tasks.timeouts, next=DEFER),
            ],
            "Next": following[i],
        }
        for i, step in enumerate(steps)
    }


def _first_compensation(record: SagaRecord, steps: Sequence[SagaStep], step: SagaStep) -> str:
    """Return the compensation to start with if ``step`` turns out to have been undone before.

    If the last step may be irreversible, its compensation is the first.
    """
    last = steps[-1]
    return (last if last.irreversible and record.irreversible else step).compensation.name


def _undo(tasks: Tasks, steps: Sequence[SagaStep]) -> dict[str, State]:
    """Return the states that lead to the compensations, or to the rejection if nothing was done."""
    compensations = [step.compensation.name for step in reversed(steps)]
    return {
        ANYTHING_TO_UNDO: {
            "Type": "Choice",
            "Choices": [
                {"Condition": "{% $taken_over or $undo_from != 'Reject' %}", "Next": "RecordReason"}
            ],
            "Default": "Reject",
        },
        "RecordReason": _record_reason(tasks),
        "Undo": {
            "Type": "Choice",
            "Comment": "An earlier execution may have come further: then undo everything",
            "Choices": [
                {"Condition": "{% $taken_over %}", "Next": compensations[0]},
                *(
                    {"Condition": f"{{% $undo_from = '{name}' %}}", "Next": name}
                    for name in compensations[1:]
                ),
            ],
            "Default": compensations[0],
        },
    }


def _record_reason(tasks: Tasks) -> State:
    """Write the reason before anything is undone: an execution that takes over reads it."""
    assignments, values = tasks.keep_reason
    return tasks.update(
        f"SET {tasks.columns.changed_at} = :now{assignments}",
        condition=f"{tasks.owns_claim} AND #state = :initial",
        values={":initial": {"S": tasks.record.initial}, ":now": NOW, **values},
    ) | {
        "Catch": [
            {"ErrorEquals": [CONDITION_FAILED], "Next": LEFT_TO_SCHEDULE},
            *catch_failures("RecordReason", tasks.timeouts, next=DEFER_UNDOING),
        ],
        "Next": "Undo",
    }


def _confirm(tasks: Tasks) -> State:
    """Write the completed state, and reset the count of out-of-band events to zero."""
    columns, check = tasks.columns, tasks.record.completed_check
    requested, none = columns.cancel_requested_at, f", {columns.out_of_band_events} = :none"
    confirm = tasks.write_outcome(
        tasks.record.completed,
        condition=f"{tasks.owns_claim} AND #state = :initial AND attribute_not_exists({requested})",
        also=none
        if check is None
        else f"{none}, {columns.check_after} = :then, {columns.open_shard} = :shard",
        remove=() if check else (columns.open_shard, columns.check_after),
    )
    if check is not None:
        confirm["Arguments"]["ExpressionAttributeValues"] |= {
            ":then": tasks.time_after(str(check)),
            ":shard": {"S": tasks.completed_shard},
        }
    return confirm | {
        "Catch": [
            {"ErrorEquals": [CONDITION_FAILED], "Next": "Cancel"},
            *catch_failures("Confirm", tasks.timeouts, next=DEFER),
        ],
        "End": True,
    }


def _cancel(tasks: Tasks) -> State:
    cancel = tasks.update(
        f"SET {tasks.columns.changed_at} = :now",
        condition=f"{tasks.owns_claim} AND #state = :initial"
        f" AND attribute_exists({tasks.columns.cancel_requested_at})",
        values={":initial": {"S": tasks.record.initial}, ":now": NOW},
    )
    cancel["Arguments"]["ReturnValues"] = "ALL_NEW"
    return cancel | {
        "Comment": "Not confirmed: a cancellation was requested, the claim is lost, or the record"
        " was confirmed by an attempt whose response was lost",
        "Assign": {"outcome": tasks.record.cancelled, **cancellation_reason(tasks.columns)},
        "Catch": [
            {"ErrorEquals": [CONDITION_FAILED], "Next": LEFT_TO_SCHEDULE},
            *catch_failures("Confirm", tasks.timeouts, next=DEFER),
        ],
    }

"""A saga's way forward: its actions, and the write that confirms the record."""

from collections.abc import Sequence

from stacks.constructs.saga.catches import (
    cancellation_reason,
    catch_failed_write,
    catch_failure,
    catch_refusals,
)
from stacks.constructs.saga.compensation_states import compensation_before
from stacks.constructs.saga.model import SagaRecord, SagaStep
from stacks.constructs.saga.tasks import CONDITION_FAILED, NOW, State, Tasks


def action_states(tasks: Tasks, steps: Sequence[SagaStep]) -> dict[str, State]:
    """Return the states from the first action to the confirmation, and the ways off to undoing."""
    return {
        **_actions(tasks, steps),
        "Undo": _undo(steps),
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
                catch_failure(
                    tasks.record,
                    step.action.name,
                    undo_from=_first_compensation(tasks.record, steps, step),
                ),
            ],
            "Next": following[i],
        }
        for i, step in enumerate(steps)
    }


def _first_compensation(record: SagaRecord, steps: Sequence[SagaStep], step: SagaStep) -> str:
    """The compensation to start with after a failure of ``step``, which may have taken effect.

    If the last step may be irreversible, that one is compensated first.
    """
    last = steps[-1]
    return (last if last.irreversible and record.irreversible else step).compensation.name


def _undo(steps: Sequence[SagaStep]) -> State:
    return {
        "Type": "Choice",
        "Comment": "A previous owner of the claim may have come further: then undo everything",
        "Choices": [
            {"Condition": "{% $taken_over %}", "Next": steps[-1].compensation.name},
            *(
                {"Condition": f"{{% $undo_from = '{name}' %}}", "Next": name}
                for name in reversed([step.compensation.name for step in steps])
            ),
        ],
        "Default": "Reject",
    }


def _confirm(tasks: Tasks) -> State:
    requested = tasks.columns.cancel_requested_at
    return tasks.write_outcome(
        tasks.record.completed,
        condition=f"{tasks.owns_claim} AND (#state = :state OR"
        f" (#state = :initial AND attribute_not_exists({requested})))",
    ) | {
        "Catch": [
            {"ErrorEquals": [CONDITION_FAILED], "Next": "Cancel"},
            catch_failed_write("Confirm"),
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
        "Comment": "Not confirmed: a cancellation was requested, or the claim is lost",
        "Assign": {"outcome": tasks.record.cancelled, **cancellation_reason(tasks.columns)},
        "Catch": [catch_failed_write("Confirm")],
    }

"""A saga's compensations, and the write of the outcome."""

from collections.abc import Sequence

from stacks.constructs.saga.catches import (
    DEFER_UNDOING,
    catch_all,
    catch_as_busy,
    catch_failures,
    catch_transient,
)
from stacks.constructs.saga.model import SagaStep
from stacks.constructs.saga.tasks import NOW, State, Tasks, sequence_values


def compensation_states(tasks: Tasks, steps: Sequence[SagaStep]) -> dict[str, State]:
    """Return the states from the last compensation to the end of the saga."""
    return {
        **_compensations(tasks, steps),
        "AnyBusy": {
            "Type": "Choice",
            "Comment": "What could not be undone because somebody was busy is tried again later",
            "Choices": [{"Condition": "{% $busy %}", "Next": DEFER_UNDOING}],
            "Default": "Reject",
        },
        "Reject": _reject(tasks),
        **({"KeepEffects": _keep_effects(tasks)} if tasks.record.irreversible else {}),
        "AllUndone": {
            "Type": "Choice",
            "Choices": [
                {"Condition": "{% $count($dead_lettered) > 0 %}", "Next": "RequestAttention"}
            ],
            "Default": "Undone",
        },
        "RequestAttention": _request_attention(tasks),
        "Undone": {"Type": "Succeed"},
    }


def compensation_before(steps: Sequence[SagaStep], i: int) -> str:
    """Return the name of the state that undoes the step before the one at ``i``."""
    return steps[i - 1].compensation.name if i else "Reject"


def _compensations(tasks: Tasks, steps: Sequence[SagaStep]) -> dict[str, State]:
    states: dict[str, State] = {}
    for i, step in reversed(list(enumerate(steps))):
        name = step.compensation.name
        after = steps[i - 1].compensation.name if i else "AnyBusy"
        irreversible = step.irreversible if tasks.record.irreversible else ()
        states[name] = tasks.call(
            step.compensation, tasks.timeouts.compensation_retries, irreversible
        ) | {"Next": after}
        if irreversible:
            # Nothing else is undone until it is known whether this step can be undone.
            on_irreversible = {
                "ErrorEquals": [refusal.__name__ for refusal in irreversible],
                "Next": "KeepEffects",
            }
            deferred = catch_failures(name, tasks.timeouts, next=DEFER_UNDOING)
            states[name]["Catch"] = [on_irreversible, *deferred]
            continue
        states[name]["Catch"] = [
            catch_transient(name, tasks.timeouts, {"busy": True}, next=after),
            catch_all({"error": "{% $states.errorOutput %}"}, next=f"DeadLetter{name}"),
        ]
        dead_letter = f"DeadLetter{name}"
        states[dead_letter] = tasks.dead_letter(step.compensation) | {
            "Assign": {"dead_lettered": f"{{% $append($dead_lettered, ['{name}']) %}}"},
            # Nobody can finish it without its dead letter: a later execution tries again.
            "Catch": [catch_as_busy(dead_letter, tasks.timeouts, next=after)],
            "Next": after,
        }
    return states


def _reject(tasks: Tasks) -> State:
    columns = tasks.columns
    # An attempt may take effect after its successor has, and after RequestAttention, which has the
    # next number: it must not take that number back.
    again = f"#state = :state AND attribute_not_exists({columns.failed_compensations})"
    return tasks.write_outcome(
        "{% $outcome %}",
        condition=f"{tasks.owns_claim} AND (#state = :initial OR {again})",
        columns={
            columns.reason: "{% $reason %}",
            columns.explanation: "{% $explanation %}",
            columns.closed_shard: tasks.shard,
        },
        remove=(columns.open_shard, columns.check_after, columns.dedup_bucket),
    ) | {
        "Catch": catch_failures("Reject", tasks.timeouts, next=DEFER_UNDOING),
        "Next": "AllUndone",
    }


def _keep_effects(tasks: Tasks) -> State:
    columns = tasks.columns
    return tasks.write_outcome(
        tasks.record.irreversible,
        condition=f"{tasks.owns_claim} AND #state IN (:initial, :state)",
        remove=(columns.open_shard, columns.check_after, columns.reason, columns.explanation),
        columns={columns.closed_shard: tasks.shard},
    ) | {
        "Comment": "What was done can no longer be undone: nothing is",
        "Catch": catch_failures("KeepEffects", tasks.timeouts, next=DEFER_UNDOING),
        "Next": "Undone",
    }


def _request_attention(tasks: Tasks) -> State:
    columns = tasks.columns
    return tasks.update(
        f"SET {columns.failed_compensations} = :dead_lettered, {tasks.next_sequence},"
        f" {columns.changed_at} = :now",
        condition=tasks.owns_claim,
        values={
            ":dead_lettered": {
                "L": "{% [$map($dead_lettered, function($name) { {'S': $name} })] %}"
            },
            **sequence_values(2),
            ":now": NOW,
        },
    ) | {
        "Catch": [
            catch_all(
                {"failed_write": "RequestAttention", "error": "{% $states.errorOutput %}"},
                next="DeadLetterRecord",
            )
        ],
        "Next": "Undone",
    }

"""A saga's deferral: it releases a record that it cannot finish now, for a later execution."""

from stacks.constructs.saga.catches import DEFER, DEFER_UNDOING
from stacks.constructs.saga.tasks import NOW, State, Tasks

LEFT_TO_SCHEDULE = "LeftToSchedule"
"""The end without an outcome. A scheduled job finds the open record."""


def deferral_states(tasks: Tasks) -> dict[str, State]:
    """Return the states that defer the record and end the execution."""
    return {
        **({DEFER: _defer(tasks)} if tasks.record.completed else {}),
        DEFER_UNDOING: _defer(tasks, undoing=True),
        LEFT_TO_SCHEDULE: {
            "Type": "Succeed",
            "Comment": "No outcome yet: the record's event is published again when it is due",
        },
    }


def _defer(tasks: Tasks, *, undoing: bool = False) -> State:
    """Return the write that releases the claim and sets the time of the next check.

    While undoing, it also records the reason, unless one is recorded already, so that the next
    execution does not begin with the actions. If the write fails, the claim expires, and the record
    is found after that. If its response was lost, the claim is released already.
    """
    columns, first = tasks.columns, tasks.timeouts.first_deferral
    delay = f"$min([$max_deferral, {first} * $power(2, $min([$deferrals, 12]))])"
    kept, why = tasks.keep_reason if undoing else ("", {})
    defer = tasks.update(
        f"SET {columns.check_after} = :then,"
        f" {columns.deferred_since} = if_not_exists({columns.deferred_since}, :now),"
        f" {columns.deferred_shard} = :shard, {columns.deferred_step} = :step,"
        f" {columns.deferred_error} = :error, {columns.deferrals} = :deferrals{kept}"
        f" REMOVE {columns.claim_owner}, {columns.claim_until}",
        condition=f"{tasks.owns_claim} AND #state = :initial",
        values={
            ":initial": {"S": tasks.record.initial},
            ":now": NOW,
            # Half of the delay is jitter, so that records deferred together resume apart.
            ":then": tasks.time_after(f"{delay} * (1 + $random()) / 2"),
            ":shard": {"S": tasks.shard},
            ":step": {"S": "{% $deferred_step %}"},
            ":error": {"S": "{% $deferred_error %}"},
            ":deferrals": {"N": "{% $string($deferrals + 1) %}"},
            **why,
        },
    )
    caught = {"ErrorEquals": ["States.ALL"], "Next": LEFT_TO_SCHEDULE}
    return defer | {"Catch": [caught], "Next": LEFT_TO_SCHEDULE}

"""A saga as Amazon States Language (JSONata), without any AWS resource.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import aws_sqs as sqs

from lambdas.contracts.commands import CANCELLED, TECHNICAL_FAILURE, Refusal
from stacks.constructs.saga_steps import SagaRecord, SagaStep, Timeouts
from stacks.constructs.saga_tasks import (
    CONDITION_FAILED,
    EXECUTION_ID,
    NEXT_SEQUENCE,
    NOW,
    State,
    Tasks,
    sequence_values,
)

TAKEN_OVER = "{% $exists($states.result.Attributes.claim_owner) %}"
"""Whether the record was claimed before: by an execution that died on the way, or by this one, if
the answer to its first attempt was lost. Then that attempt may have been the one that took it over.
"""
CANCELLATION_REASON = {
    name: f"{{% $exists($states.result.Attributes.{name})"
    f" ? $states.result.Attributes.{name}.S : '{default}' %}}"
    for name, default in (("reason", CANCELLED), ("explanation", "cancelled by the customer"))
}
"""Why something is undone that neither was refused nor failed: the record says it, if it was not
cancelled before records did.
"""


def build_definition(
    *, record: SagaRecord, steps: Sequence[SagaStep], repair_queue: sqs.IQueue, timeouts: Timeouts
) -> dict[str, Any]:
    """The saga as Amazon States Language.

    Its input is the ``detail`` of the event that starts it: ``metadata`` and ``data``.
    """
    tasks = Tasks(record, repair_queue.queue_url, timeouts)
    states = _States(record, steps, tasks)
    return {
        "QueryLanguage": "JSONata",
        "TimeoutSeconds": timeouts.execution,
        "StartAt": "Claim",
        "States": {
            **states.claim_states(),
            **(states.action_states() if record.completed else {}),
            **states.compensation_states(),
            **states.dead_letter_states(),
        },
    }


@dataclass(frozen=True, slots=True)
class _States:
    """The states of one saga, by what they are about."""

    record: SagaRecord
    steps: Sequence[SagaStep]
    tasks: Tasks

    def claim_states(self) -> dict[str, State]:
        now = "$floor($millis() / 1000)"
        claim = self.tasks.update(
            "SET claim_owner = :me, claim_until = :until ADD claimed_by :mine",
            condition="#state = :initial AND (attribute_not_exists(claim_owner) OR claim_owner = :me"
            " OR claim_until < :now)",
            values={
                ":initial": {"S": self.record.initial},
                ":now": {"N": f"{{% $string({now}) %}}"},
                ":until": {"N": f"{{% $string({now} + {self.tasks.timeouts.lease}) %}}"},
                ":mine": {"SS": [EXECUTION_ID]},
            },
        )
        # The variables are not there yet.
        claim["Arguments"]["Key"] = {
            self.record.key: {"S": f"{{% $states.input.data.{self.record.key} %}}"}
        }
        claim["Arguments"]["ReturnValues"] = "ALL_OLD"
        event_data = {"data": "{% $states.input.data %}"}
        first = self.steps[0].action if self.record.completed else self.steps[-1].compensation
        return {
            "Claim": claim
            | {
                "Assign": event_data
                | {
                    "sequence": "{% $states.input.metadata.sequence %}",
                    "dead_lettered": [],
                    "taken_over": TAKEN_OVER,
                    "outcome": self._outcome,
                    **CANCELLATION_REASON,
                },
                "Catch": [
                    {"ErrorEquals": [CONDITION_FAILED], "Next": "AlreadyClaimed"},
                    _catch_failed_write("Claim", event_data),
                ],
                "Next": first.name,
            },
            "AlreadyClaimed": {
                "Type": "Succeed",
                "Comment": "Another execution has the claim, or the record is open no longer",
            },
        }

    def action_states(self) -> dict[str, State]:
        states: dict[str, State] = {}
        following = [*(step.action.name for step in self.steps[1:]), "Confirm"]
        for i, step in enumerate(self.steps):
            states[step.action.name] = self.tasks.call(
                step.action,
                self.tasks.timeouts.action_retries,
                (*step.refusals, *step.already_compensated),
            ) | {
                "Catch": [
                    self._catch_refusals(step.refusals, undo_from=self._compensation_before(i)),
                    self._catch_failure(
                        step.action.name, undo_from=self._first_compensation_after(step)
                    ),
                ],
                "Next": following[i],
            }
        last = self.steps[-1].compensation.name
        states["Undo"] = {
            "Type": "Choice",
            "Comment": "Whoever had the claim before may have gone further: then undo everything",
            "Choices": [
                {"Condition": "{% $taken_over %}", "Next": last},
                *(
                    {"Condition": f"{{% $undo_from = '{name}' %}}", "Next": name}
                    for name in reversed([step.compensation.name for step in self.steps])
                ),
            ],
            "Default": "Reject",
        }
        states["Confirm"] = self.tasks.write_outcome(
            self.record.completed or "",
            condition="claim_owner = :me AND (#state = :state OR"
            " (#state = :initial AND attribute_not_exists(cancel_requested_at)))",
        ) | {
            "Catch": [
                {"ErrorEquals": [CONDITION_FAILED], "Next": "Cancel"},
                _catch_failed_write("Confirm"),
            ],
            "End": True,
        }
        cancel = self.tasks.update(
            "SET changed_at = :now",
            condition="claim_owner = :me AND #state = :initial"
            " AND attribute_exists(cancel_requested_at)",
            values={":initial": {"S": self.record.initial}, ":now": NOW},
        )
        cancel["Arguments"]["ReturnValues"] = "ALL_NEW"
        states["Cancel"] = cancel | {
            "Comment": "Not confirmed: because somebody cancelled, or because the claim is lost",
            "Assign": {"outcome": self.record.cancelled, **CANCELLATION_REASON},
            "Catch": [_catch_failed_write("Confirm")],
            "Next": self.steps[-1].compensation.name,
        }
        return states

    def compensation_states(self) -> dict[str, State]:
        states: dict[str, State] = {}
        for i, step in reversed(list(enumerate(self.steps))):
            name, after = step.compensation.name, self._compensation_before(i)
            irreversible = step.irreversible if self.record.irreversible else ()
            on_irreversible = {
                "ErrorEquals": [refusal.__name__ for refusal in irreversible],
                "Next": "KeepEffects",
            }
            states[name] = self.tasks.call(
                step.compensation, self.tasks.timeouts.compensation_retries, irreversible
            ) | {
                "Catch": [
                    *([on_irreversible] if irreversible else []),
                    _catch_all({"error": "{% $states.errorOutput %}"}, next=f"DeadLetter{name}"),
                ],
                "Next": after,
            }
            variables = {"dead_lettered": f"{{% $append($dead_lettered, ['{name}']) %}}"}
            states[f"DeadLetter{name}"] = self.tasks.dead_letter(step.compensation) | {
                "Assign": variables,
                "Catch": [_catch_all(variables, next=after)],
                "Next": after,
            }
        states["Reject"] = self.tasks.write_outcome(
            "{% $outcome %}",
            condition="claim_owner = :me AND #state IN (:initial, :state)",
            reason="{% $reason %}",
            explanation="{% $explanation %}",
            closed_shard=self._closed_shard,
        ) | {"Catch": [_catch_failed_write("Reject")], "Next": "AllUndone"}
        if self.record.irreversible:
            states["KeepEffects"] = self.tasks.write_outcome(
                self.record.irreversible,
                condition="claim_owner = :me AND #state IN (:initial, :state)",
                remove=("reason", "explanation"),
                closed_shard=self._closed_shard,
            ) | {
                "Comment": "What was done can no longer be undone: nothing is",
                "Catch": [_catch_failed_write("KeepEffects")],
                "Next": "Undone",
            }
        states["AllUndone"] = {
            "Type": "Choice",
            "Choices": [
                {"Condition": "{% $count($dead_lettered) > 0 %}", "Next": "RequestAttention"}
            ],
            "Default": "Undone",
        }
        states["RequestAttention"] = self.tasks.update(
            f"SET failed_compensations = :dead_lettered, {NEXT_SEQUENCE}, changed_at = :now",
            condition="claim_owner = :me",
            values={
                ":dead_lettered": {
                    "L": "{% [$map($dead_lettered, function($name) { {'S': $name} })] %}"
                },
                **sequence_values(2),
                ":now": NOW,
            },
        ) | {"Catch": [_catch_failed_write("RequestAttention")], "Next": "Undone"}
        states["Undone"] = {"Type": "Succeed"}
        return states

    def dead_letter_states(self) -> dict[str, State]:
        record = {
            "record": f"$data.{self.record.key}",
            "write": "$failed_write",
            "error": "$error",
            "execution": "$states.context.Execution.Id",
        }
        return {
            "DeadLetterRecord": self.tasks.send(record) | {"Next": "OutcomeUnknown"},
            "OutcomeUnknown": {
                "Type": "Fail",
                "Error": "OutcomeUnknown",
                "Cause": "The record could not be written; it waits on the repair queue",
            },
        }

    def _compensation_before(self, i: int) -> str:
        return self.steps[i - 1].compensation.name if i else "Reject"

    def _first_compensation_after(self, step: SagaStep) -> str:
        """Nobody knows whether it took effect; what may have left for good is asked about first."""
        last = self.steps[-1]
        return (last if last.irreversible and self.record.irreversible else step).compensation.name

    @property
    def _outcome(self) -> str:
        """What the record becomes when it is undone; of one that was to be cancelled, that."""
        if not self.record.cancelled:
            return self.record.compensated
        wished = "$exists($states.result.Attributes.cancel_requested_at)"
        return f"{{% {wished} ? '{self.record.cancelled}' : '{self.record.compensated}' %}}"

    def _reason_variables(self, reason: str, explanation: str) -> dict[str, str]:
        """Why the record is undone, as JSONata; one that was to be cancelled has its reason."""
        cancelled = f"$outcome = '{self.record.cancelled}'"
        return {
            "reason": f"{{% {cancelled} ? $reason : {reason} %}}",
            "explanation": f"{{% {cancelled} ? $explanation : {explanation} %}}",
        }

    def _catch_refusals(self, refusals: Sequence[type[Refusal]], *, undo_from: str) -> State:
        why = self._reason_variables(
            "$states.errorOutput.Error", "$parse($states.errorOutput.Cause).errorMessage"
        )
        return {
            "ErrorEquals": [refusal.__name__ for refusal in refusals],
            "Assign": why | {"undo_from": undo_from},
            "Next": "Undo",
        }

    def _catch_failure(self, name: str, *, undo_from: str) -> State:
        why = self._reason_variables(
            f"'{TECHNICAL_FAILURE}'", f"'{name}: ' & $states.errorOutput.Error"
        )
        return _catch_all(why | {"undo_from": undo_from}, next="Undo")

    @property
    def _closed_shard(self) -> str:
        return f"{{% $substring($data.{self.record.key}, 0, 1) %}}"


def _catch_failed_write(write: str, also: dict[str, str] | None = None) -> State:
    error = {"failed_write": write, "error": "{% $states.errorOutput %}"}
    return _catch_all(error | (also or {}), next="DeadLetterRecord")


def _catch_all(variables: dict[str, Any], *, next: str) -> State:
    return {"ErrorEquals": ["States.ALL"], "Assign": variables, "Next": next}

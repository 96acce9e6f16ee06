"""A saga as Amazon States Language (JSONata), without any AWS resource.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import aws_sqs as sqs

from lambdas.contracts.event import CANCELLED, TECHNICAL_FAILURE, Refusal
from stacks.components.saga_steps import Patience, Record, Step
from stacks.components.saga_tasks import (
    CONDITION_FAILED,
    COUNT,
    ME,
    NOW,
    State,
    Tasks,
    counted,
)

TAKEN_OVER = "{% $exists($states.result.Attributes.claim_owner) %}"
"""Whether the record was claimed before: by an execution that died on the way, or by this one, if
the answer to its first attempt was lost. Then that attempt may have been the one that took it over.
"""
WITHDRAWN = {
    name: f"{{% $exists($states.result.Attributes.{name})"
    f" ? $states.result.Attributes.{name}.S : '{default}' %}}"
    for name, default in (("reason", CANCELLED), ("explanation", "cancelled by the customer"))
}
"""Why something is undone that neither was refused nor failed: the record says it, if it was not
cancelled before records did.
"""


def definition(
    *, record: Record, steps: Sequence[Step], repair_queue: sqs.IQueue, patience: Patience
) -> dict[str, Any]:
    """The saga as Amazon States Language.

    Its input is the ``detail`` of the event that starts it: ``metadata`` and ``data``.
    """
    tasks = Tasks(record, repair_queue.queue_url, patience)
    states = _States(record, steps, tasks)
    return {
        "QueryLanguage": "JSONata",
        "TimeoutSeconds": patience.machine,
        "StartAt": "Claim",
        "States": {
            **states.claiming(),
            **(states.doing() if record.done else {}),
            **states.undoing(),
            **states.parking(),
        },
    }


@dataclass(frozen=True, slots=True)
class _States:
    """The states of one saga, by what they are about."""

    record: Record
    steps: Sequence[Step]
    tasks: Tasks

    def claiming(self) -> dict[str, State]:
        now = "$floor($millis() / 1000)"
        claim = self.tasks.update(
            "SET claim_owner = :me, claim_until = :until ADD claimed_by :mine",
            condition="#state = :open AND (attribute_not_exists(claim_owner) OR claim_owner = :me"
            " OR claim_until < :now)",
            values={
                ":open": {"S": self.record.open},
                ":now": {"N": f"{{% $string({now}) %}}"},
                ":until": {"N": f"{{% $string({now} + {self.tasks.patience.lease}) %}}"},
                ":mine": {"SS": [ME]},
            },
        )
        # The variables are not there yet.
        claim["Arguments"]["Key"] = {
            self.record.key: {"S": f"{{% $states.input.data.{self.record.key} %}}"}
        }
        claim["Arguments"]["ReturnValues"] = "ALL_OLD"
        subject = {"subject": "{% $states.input.data %}"}
        first = self.steps[0].action if self.record.done else self.steps[-1].compensation
        return {
            "Claim": claim
            | {
                "Assign": subject
                | {
                    "sequence": "{% $states.input.metadata.sequence %}",
                    "parked": [],
                    "taken_over": TAKEN_OVER,
                    "outcome": self._outcome,
                    **WITHDRAWN,
                },
                "Catch": [
                    {"ErrorEquals": [CONDITION_FAILED], "Next": "NotOurs"},
                    _unwritten("Claim", subject),
                ],
                "Next": first.name,
            },
            "NotOurs": {
                "Type": "Succeed",
                "Comment": "Another execution has the claim, or the record is open no longer",
            },
        }

    def doing(self) -> dict[str, State]:
        states: dict[str, State] = {}
        following = [*(step.action.name for step in self.steps[1:]), "Confirm"]
        for i, step in enumerate(self.steps):
            states[step.action.name] = self.tasks.call(
                step.action, self.tasks.patience.action_retries, (*step.refusals, *step.overtaken)
            ) | {
                "Catch": [
                    self._refused(step.refusals, undo_from=self._undo_before(i)),
                    self._failed(step.action.name, undo_from=self._undo_after_failure_of(step)),
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
        states["Confirm"] = self.tasks.settle(
            self.record.done or "",
            condition="claim_owner = :me AND (#state = :state OR"
            " (#state = :open AND attribute_not_exists(cancel_requested_at)))",
        ) | {
            "Catch": [
                {"ErrorEquals": [CONDITION_FAILED], "Next": "Cancel"},
                _unwritten("Confirm"),
            ],
            "End": True,
        }
        cancel = self.tasks.update(
            "SET changed_at = :now",
            condition="claim_owner = :me AND #state = :open"
            " AND attribute_exists(cancel_requested_at)",
            values={":open": {"S": self.record.open}, ":now": NOW},
        )
        cancel["Arguments"]["ReturnValues"] = "ALL_NEW"
        states["Cancel"] = cancel | {
            "Comment": "Not confirmed: because somebody cancelled, or because the claim is lost",
            "Assign": {"outcome": self.record.cancelled, **WITHDRAWN},
            "Catch": [_unwritten("Confirm")],
            "Next": self.steps[-1].compensation.name,
        }
        return states

    def undoing(self) -> dict[str, State]:
        states: dict[str, State] = {}
        for i, step in reversed(list(enumerate(self.steps))):
            name, after = step.compensation.name, self._undo_before(i)
            too_late = step.too_late if self.record.kept else ()
            kept = {"ErrorEquals": [refusal.__name__ for refusal in too_late], "Next": "Keep"}
            states[name] = self.tasks.call(
                step.compensation, self.tasks.patience.compensation_retries, too_late
            ) | {
                "Catch": [
                    *([kept] if too_late else []),
                    _caught({"error": "{% $states.errorOutput %}"}, next=f"Park{name}"),
                ],
                "Next": after,
            }
            note = {"parked": f"{{% $append($parked, ['{name}']) %}}"}
            states[f"Park{name}"] = self.tasks.park(step.compensation) | {
                "Assign": note,
                "Catch": [_caught(note, next=after)],
                "Next": after,
            }
        states["Reject"] = self.tasks.settle(
            "{% $outcome %}",
            condition="claim_owner = :me AND #state IN (:open, :state)",
            reason="{% $reason %}",
            explanation="{% $explanation %}",
            ended=self._shard,
        ) | {"Catch": [_unwritten("Reject")], "Next": "AllUndone"}
        if self.record.kept:
            states["Keep"] = self.tasks.settle(
                self.record.kept,
                condition="claim_owner = :me AND #state IN (:open, :state)",
                remove=("reason", "explanation"),
                ended=self._shard,
            ) | {
                "Comment": "What was done can no longer be undone: nothing is",
                "Catch": [_unwritten("Keep")],
                "Next": "Undone",
            }
        states["AllUndone"] = {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $count($parked) > 0 %}", "Next": "CallForAttention"}],
            "Default": "Undone",
        }
        states["CallForAttention"] = self.tasks.update(
            f"SET parked = :parked, {COUNT}, changed_at = :now",
            condition="claim_owner = :me",
            values={
                ":parked": {"L": "{% [$map($parked, function($name) { {'S': $name} })] %}"},
                **counted(2),
                ":now": NOW,
            },
        ) | {"Catch": [_unwritten("CallForAttention")], "Next": "Undone"}
        states["Undone"] = {"Type": "Succeed"}
        return states

    def parking(self) -> dict[str, State]:
        record = {
            "record": f"$subject.{self.record.key}",
            "write": "$unwritten",
            "error": "$error",
            "execution": "$states.context.Execution.Id",
        }
        return {
            "ParkRecord": self.tasks.send(record) | {"Next": "OutcomeUnknown"},
            "OutcomeUnknown": {
                "Type": "Fail",
                "Error": "OutcomeUnknown",
                "Cause": "The record could not be written; it waits on the repair queue",
            },
        }

    def _undo_before(self, i: int) -> str:
        return self.steps[i - 1].compensation.name if i else "Reject"

    def _undo_after_failure_of(self, step: Step) -> str:
        """Nobody knows whether it took effect; what may have left for good is asked about first."""
        last = self.steps[-1]
        return (last if last.too_late and self.record.kept else step).compensation.name

    @property
    def _outcome(self) -> str:
        """What the record becomes when it is undone; of one that was to be cancelled, that."""
        if not self.record.cancelled:
            return self.record.undone
        wished = "$exists($states.result.Attributes.cancel_requested_at)"
        return f"{{% {wished} ? '{self.record.cancelled}' : '{self.record.undone}' %}}"

    def _why(self, reason: str, explanation: str) -> dict[str, str]:
        """Why the record is undone, as JSONata; one that was to be cancelled has its reason."""
        cancelled = f"$outcome = '{self.record.cancelled}'"
        return {
            "reason": f"{{% {cancelled} ? $reason : {reason} %}}",
            "explanation": f"{{% {cancelled} ? $explanation : {explanation} %}}",
        }

    def _refused(self, refusals: Sequence[type[Refusal]], *, undo_from: str) -> State:
        why = self._why(
            "$states.errorOutput.Error", "$parse($states.errorOutput.Cause).errorMessage"
        )
        return {
            "ErrorEquals": [refusal.__name__ for refusal in refusals],
            "Assign": why | {"undo_from": undo_from},
            "Next": "Undo",
        }

    def _failed(self, name: str, *, undo_from: str) -> State:
        why = self._why(f"'{TECHNICAL_FAILURE}'", f"'{name}: ' & $states.errorOutput.Error")
        return _caught(why | {"undo_from": undo_from}, next="Undo")

    @property
    def _shard(self) -> str:
        return f"{{% $substring($subject.{self.record.key}, 0, 1) %}}"


def _unwritten(write: str, also: dict[str, str] | None = None) -> State:
    error = {"unwritten": write, "error": "{% $states.errorOutput %}"}
    return _caught(error | (also or {}), next="ParkRecord")


def _caught(variables: dict[str, Any], *, next: str) -> State:
    return {"ErrorEquals": ["States.ALL"], "Assign": variables, "Next": next}

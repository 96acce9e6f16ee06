"""The steps of a saga's execution, from its history in Step Functions.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

RUNNING, UNKNOWN = "RUNNING", "UNKNOWN"
ARN_PARTS = 8
TERMINAL_STATUSES = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionTimedOut": "TIMED_OUT",
    "ExecutionAborted": "ABORTED",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionStep:
    """A task of an execution."""

    name: str
    began: datetime
    ended: datetime | None = None
    attempts: int = 0
    error: str = ""
    """The error of the last attempt."""

    @property
    def outcome(self) -> str:
        """The task's outcome in words."""
        if self.ended is None:
            done = f"in progress{f', after {self.error}' if self.error else ''}"
        else:
            done = self.error or f"done in {(self.ended - self.began).total_seconds():.1f} s"
        return done if self.attempts <= 1 else f"{done} ({self.attempts} attempts)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """An execution of a saga."""

    arn: str
    status: str
    began: datetime | None = None
    steps: Sequence[ExecutionStep] = ()
    entered: Sequence[str] = ()
    """The states that it entered, in this order: tasks, choices and ends."""
    note: str = ""
    """Its error, or why its steps are unknown."""


def is_execution_arn(arn: str) -> bool:
    """Return whether a text has the form of an execution's ARN."""
    return len(arn.split(":")) >= ARN_PARTS


def is_express(arn: str) -> bool:
    """Return whether it is an Express workflow's execution, whose history AWS does not keep.

    https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html
    """
    return arn.split(":")[5] == "express"


def execution_of(arn: str, history: Iterable[Mapping[str, Any]]) -> Execution:
    """Return an execution from its history, which begins with the oldest event.

    One task runs at a time.
    """
    steps: list[ExecutionStep] = []
    entered: list[str] = []
    began, status, note = None, RUNNING, ""
    for event in history:
        kind, details = event["type"], _details(event)
        if kind.endswith("StateEntered") and "name" in details:
            entered.append(details["name"])
        if kind == "ExecutionStarted":
            began = event["timestamp"]
        elif kind == "TaskStateEntered":
            steps.append(ExecutionStep(name=details["name"], began=event["timestamp"]))
        elif kind == "TaskStateExited":
            steps[-1] = replace(steps[-1], ended=event["timestamp"])
        elif kind == "TaskScheduled":
            steps[-1] = replace(steps[-1], attempts=steps[-1].attempts + 1)
        elif kind == "TaskSucceeded":
            steps[-1] = replace(steps[-1], error="")
        elif kind in TERMINAL_STATUSES:
            status, note = TERMINAL_STATUSES[kind], _error(details)
        elif kind.startswith("Task") and "error" in details:
            steps[-1] = replace(steps[-1], error=_error(details))
    return Execution(arn=arn, status=status, began=began, steps=steps, entered=entered, note=note)


def _details(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the details of a history event. Their key begins with the event's type."""
    found: Mapping[str, Any] = next(
        (value for name, value in event.items() if name.endswith("EventDetails")), {}
    )
    return found


def _error(details: Mapping[str, Any]) -> str:
    """Return the error's name and message. A function's error message is inside a JSON text."""
    cause = details.get("cause", "")
    try:
        cause = json.loads(cause)["errorMessage"]
    except (ValueError, TypeError, KeyError):
        cause = cause.partition("\n")[0]
    return ": ".join(filter(None, (details.get("error", ""), cause)))

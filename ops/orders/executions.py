"""What a saga's execution did, step by step, of its history in Step Functions.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

RUNNING, UNKNOWN = "RUNNING", "UNKNOWN"
TERMINAL_STATUSES = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionTimedOut": "TIMED_OUT",
    "ExecutionAborted": "ABORTED",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionStep:
    """A task of an execution; ``error`` is that of its last attempt, ``ended`` None before it."""

    name: str
    began: datetime
    ended: datetime | None = None
    attempts: int = 0
    error: str = ""

    @property
    def outcome(self) -> str:
        """What became of it, for people."""
        if self.ended is None:
            done = f"under way{f', after {self.error}' if self.error else ''}"
        else:
            done = self.error or f"done in {(self.ended - self.began).total_seconds():.1f} s"
        return done if self.attempts <= 1 else f"{done} ({self.attempts} attempts)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """An execution of a saga; ``note`` says what is to be known of it besides its steps."""

    arn: str
    status: str
    began: datetime | None = None
    steps: Sequence[ExecutionStep] = ()
    note: str = ""


def is_express(arn: str) -> bool:
    """Whether it is of an Express workflow: of those, Step Functions keeps no history.

    https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html
    """
    return arn.split(":")[5] == "express"


def execution_of(arn: str, history: Iterable[Mapping[str, Any]]) -> Execution:
    """The execution that a history tells of, its oldest event first; one task runs at a time."""
    steps: list[ExecutionStep] = []
    began, status, note = None, RUNNING, ""
    for event in history:
        kind, details = event["type"], _details(event)
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
    return Execution(arn=arn, status=status, began=began, steps=steps, note=note)


def _details(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an event says besides its type: it is named after that."""
    found: Mapping[str, Any] = next(
        (value for name, value in event.items() if name.endswith("EventDetails")), {}
    )
    return found


def _error(details: Mapping[str, Any]) -> str:
    """The error's name and message; a function's is in JSON."""
    cause = details.get("cause", "")
    try:
        cause = json.loads(cause)["errorMessage"]
    except (ValueError, TypeError, KeyError):
        cause = cause.partition("\n")[0]
    return ": ".join(filter(None, (details.get("error", ""), cause)))

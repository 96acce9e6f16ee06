"""JSONata in state machines: an expression's value, from the variables that it may read.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from jsonata import Jsonata
from jsonata.jexception import JException

_PATH = re.compile(r"\$[a-z_]+(\.[a-z_]+)*")


class StateError(Exception):
    """A state failed. The error has Step Functions' name for it."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.error, self.cause = error, cause


def evaluate(
    value: Any, variables: Mapping[str, Any], *, now: datetime, random: Callable[[], float]
) -> Any:
    """Return a value in which all JSONata expressions are evaluated, at the time ``now``, UTC.

    ``variables`` include ``states``. ``random`` returns a number from 0 to below 1.

    Raises:
        StateError: an expression has no value, or fails.
    """

    def inner(value: Any) -> Any:
        match value:
            case str() if value.startswith("{%"):
                return _expression(value[2:-2].strip(), variables, now, random)
            case dict():
                return {k: inner(v) for k, v in value.items()}
            case list():
                return [inner(each) for each in value]
        return value

    return inner(value)


def names(rule: Mapping[str, Any], error: str) -> bool:
    """Return whether a retrier or catcher applies to the error of this name.

    ``States.ALL`` applies to all errors of a task. ``States.TaskFailed`` and others are not used.
    """
    return error in rule["ErrorEquals"] or "States.ALL" in rule["ErrorEquals"]


def _expression(
    text: str, variables: Mapping[str, Any], now: datetime, random: Callable[[], float]
) -> Any:
    if _PATH.fullmatch(text):
        result: Any = variables
        for name in text[1:].split("."):
            result = result.get(name) if isinstance(result, dict) else None
    else:
        expression = _parsed(text)
        expression.register_lambda("millis", lambda: int(now.timestamp() * 1000))
        iso = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        expression.register_lambda("now", lambda: iso)
        expression.register_lambda("random", random)
        expression.register_lambda("parse", json.loads)
        try:
            result = expression.evaluate(None, dict(variables))
        except JException as error:
            raise StateError("States.QueryEvaluationError", str(error)) from error
    if result is None:
        raise StateError("States.QueryEvaluationError", f"{text} has no value")
    return result


@cache
def _parsed(text: str) -> Jsonata:
    return Jsonata.jsonata(text)

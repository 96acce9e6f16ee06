"""Retry delays, the output of Succeed, and the name of a throttle in Step Functions.

AWS: `MaxDelaySeconds` caps the delay before a retry and `JitterStrategy: FULL` draws it at random
from zero up; an invocation that Lambda throttles fails with `Lambda.TooManyRequestsException`.
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
With JSONata a Succeed state has an `Output`.
https://docs.aws.amazon.com/step-functions/latest/dg/state-succeed.html
MiniStack 1.5.33: ignores the first two and the last, and calls a throttle `Lambda.Unknown`.
Can go: when its `services/stepfunctions.py` knows them.
"""

import json
import random
from collections.abc import Mapping
from typing import Any

from ministack.services import stepfunctions

_DEFAULT_INTERVAL = 1
_DEFAULT_RATE = 2.0


def install() -> None:
    """Wrap the functions of the interpreter that decide each of them."""
    _wrap_retriers()
    _wrap_succeed()
    _wrap_throttle()


def _wrap_retriers() -> None:
    find = stepfunctions._find_matching_retrier

    def found(retriers: Any, error: str, counts: Mapping[Any, int]) -> tuple[Any, Any]:
        retrier, index = find(retriers, error, counts)
        if retrier is None:
            return retrier, index
        delay = _delay(retrier, counts.get(index, 0))
        return {**retrier, "IntervalSeconds": delay, "BackoffRate": 1}, index

    stepfunctions._find_matching_retrier = found


def _delay(retrier: Mapping[str, Any], attempts: int) -> float:
    """How long to wait before the next attempt, after this many retries."""
    rate = retrier.get("BackoffRate", _DEFAULT_RATE)
    delay = retrier.get("IntervalSeconds", _DEFAULT_INTERVAL) * rate**attempts
    longest = min(delay, retrier.get("MaxDelaySeconds", delay))
    if retrier.get("JitterStrategy") != "FULL":
        return float(longest)
    # Spread in time, not a secret.
    return random.uniform(0, longest)  # noqa: S311


def _wrap_succeed() -> None:
    apply_output_path = stepfunctions._apply_output_path

    def applied(state: Mapping[str, Any], data: Any, context: Any = None) -> Any:
        if state.get("Type") == "Succeed" and "Output" in state:
            return stepfunctions._apply_jsonata_output(state, data, context)
        return apply_output_path(state, data, context)

    stepfunctions._apply_output_path = applied


def _wrap_throttle() -> None:
    call_lambda = stepfunctions._call_lambda

    def called(reference: Any, event: Any) -> Any:
        try:
            return call_lambda(reference, event)
        except stepfunctions._ExecutionError as error:
            if error.error == "Lambda.Unknown" and "TooManyRequestsException" in error.cause:
                message = json.loads(error.cause)["message"]
                raise stepfunctions._ExecutionError(
                    "Lambda.TooManyRequestsException", message
                ) from error
            raise

    stepfunctions._call_lambda = called

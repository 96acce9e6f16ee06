"""The times of Step Functions: delays of retries, and time-outs of tasks and executions.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
https://docs.aws.amazon.com/step-functions/latest/dg/sfn-stuck-execution.html
"""

from collections.abc import Mapping
from typing import Any

EXPRESS_LIMIT = 300
"""An Express workflow is cut off after five minutes.
https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""
_DEFAULT_INTERVAL = 1
_DEFAULT_RATE = 2.0


def retry_delay(retrier: Mapping[str, Any], retries: int, *, jitter: float) -> float:
    """Return the seconds before the next attempt, after ``retries`` retries.

    With the JitterStrategy FULL, the delay is multiplied by ``jitter``, a number from 0 to 1.
    """
    rate = retrier.get("BackoffRate", _DEFAULT_RATE)
    delay = retrier.get("IntervalSeconds", _DEFAULT_INTERVAL) * rate**retries
    longest = float(min(delay, retrier.get("MaxDelaySeconds", delay)))
    return longest * jitter if retrier.get("JitterStrategy") == "FULL" else longest


def execution_timeout(definition: Mapping[str, Any], *, express: bool) -> float | None:
    """Return the seconds after which an execution times out; None if it has no limit."""
    stated = definition.get("TimeoutSeconds")
    if not express:
        return stated
    return EXPRESS_LIMIT if stated is None else min(stated, EXPRESS_LIMIT)


def heartbeat_remaining(heartbeat: float, *, last: float, now: float) -> float:
    """Return the seconds until a task's next heartbeat is due; 0 if it is overdue."""
    return max(0.0, last + heartbeat - now)

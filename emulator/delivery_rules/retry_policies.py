"""What follows when a message could not be handed on: another attempt, and when, or the end.

Each rule looks at a failed attempt and the limits, and answers with the delay before the next one
or with AWS's name for the limit that was reached.
"""

import enum
from dataclasses import dataclass


class FailureKind(enum.Enum):
    """Why an attempt failed, as far as it matters for what comes next."""

    PERMANENT = "nothing is there, or access is denied: trying again is no use"
    THROTTLED = "there was no capacity"
    FUNCTION_ERROR = "the function ran and failed"
    TRANSIENT = "the service failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many attempts may follow the first, and the age in seconds at which they end."""

    retries: int
    age: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAttempt:
    """An attempt that failed."""

    kind: FailureKind
    times: int
    """How many failures count by now, this one included."""
    age: float
    """How many seconds ago the message came."""
    jitter: float
    """A number from 0 to 1 that spreads the delays."""


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Try again after so many seconds."""

    delay: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Try no more; the condition is the limit that was reached, or empty if none was."""

    condition: str = ""


Verdict = RetryAfter | GiveUp

TARGET_LIMITS = Limits(retries=185, age=24 * 60 * 60)
ASYNCHRONOUS_LIMITS = Limits(retries=2, age=6 * 60 * 60)
SUBSCRIPTION_RETRIES = 100_015

# AWS documents neither the first delay nor the longest. With these, 185 retries fill a day.
_TARGET_LONGEST = 480
_THROTTLE_LONGEST = 300


def decide_target_retry(limits: Limits, failed: FailedAttempt) -> Verdict:
    """Decide what follows a failed attempt at the target of an EventBridge rule or schedule.

    It is retried with exponential back-off and jitter, within both limits. After a permanent error
    it is not retried.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
    https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html
    """
    if failed.kind is FailureKind.PERMANENT:
        return GiveUp()
    if failed.times > limits.retries:
        return GiveUp("MaximumRetryAttempts")
    delay = _spread(min(2 ** (failed.times - 1), _TARGET_LONGEST), failed.jitter)
    return _within(limits, failed, delay, "MaximumEventAgeInSeconds")


def decide_async_retry(limits: Limits, failed: FailedAttempt) -> Verdict:
    """Decide what follows a failed attempt at an asynchronous invocation of a function.

    A function error is retried after one minute and after two, at most ``limits.retries`` times. A
    throttle or an error of the service is retried until the event is too old, with delays that grow
    from one second to five minutes. The two sorts of failures are counted separately. A reserved
    concurrency of zero is permanent.
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    """
    if failed.kind is FailureKind.PERMANENT:
        return GiveUp("ZeroReservedConcurrency")
    if failed.kind is not FailureKind.FUNCTION_ERROR:
        longest = min(2 ** (failed.times - 1), _THROTTLE_LONGEST)
        # Spread within AWS's bounds, or events that were throttled together would be so again.
        delay = max(1, longest * (1 + failed.jitter) / 2)
    elif failed.times > limits.retries:
        return GiveUp("RetriesExhausted")
    else:
        delay = 60 * failed.times
    return _within(limits, failed, delay, "EventAgeExceeded")


def decide_subscription_retry(failed: FailedAttempt) -> Verdict:
    """Decide what follows a failed delivery from an SNS topic to a queue or function.

    Three retries come at once, two a second apart, ten after delays that grow from 1 to 20 seconds,
    and 100,000 every 20 seconds, with jitter. After a client-side error there is no retry.
    https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
    https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
    """
    if failed.kind is FailureKind.PERMANENT or failed.times > SUBSCRIPTION_RETRIES:
        return GiveUp()
    if failed.times <= 3:
        return RetryAfter(0)
    if failed.times <= 5:
        return RetryAfter(_spread(1, failed.jitter))
    return RetryAfter(_spread(20 ** ((min(failed.times, 15) - 6) / 9), failed.jitter))


def _within(limits: Limits, failed: FailedAttempt, delay: float, condition: str) -> Verdict:
    return RetryAfter(delay) if failed.age + delay <= limits.age else GiveUp(condition)


def _spread(delay: float, jitter: float) -> float:
    """Between half the delay and one and a half times it."""
    return delay * (0.5 + jitter)

"""The decision after a failed delivery: when to try again, or to give up.

A rule gets the failed attempt and the limits. It returns the delay before the next attempt, or
AWS's name for the limit that was reached.
"""

import enum
from dataclasses import dataclass


class FailureKind(enum.Enum):
    """The kind of a failed attempt. It decides whether and how a retry follows."""

    PERMANENT = "the target does not exist, or access is denied: a retry would fail too"
    THROTTLED = "there was no capacity"
    FUNCTION_ERROR = "the function ran and failed"
    TRANSIENT = "the service failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of retries: how many, and up to which age of the message in seconds."""

    retries: int
    age: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAttempt:
    """A failed attempt at a delivery."""

    kind: FailureKind
    times: int
    """How many failures have counted so far, this one included."""
    age: float
    """The message's age in seconds."""
    jitter: float
    """A number from 0 to 1 that spreads the delays."""


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """The decision to try again after ``delay`` seconds."""

    delay: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The decision to give up. ``condition`` is AWS's name for the limit that was reached.

    It is empty if the error was permanent, so that no retry was made.
    """

    condition: str = ""


Verdict = RetryAfter | GiveUp

TARGET_LIMITS = Limits(retries=185, age=24 * 60 * 60)
ASYNCHRONOUS_LIMITS = Limits(retries=2, age=6 * 60 * 60)
SUBSCRIPTION_RETRIES = 100_015

# AWS documents neither the first delay nor the longest. With these, 185 retries take a day.
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
    from one second to five minutes. The two kinds of failures are counted separately. Throttling by
    a reserved concurrency of zero is permanent.
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    """
    if failed.kind is FailureKind.PERMANENT:
        return GiveUp("ZeroReservedConcurrency")
    if failed.kind is not FailureKind.FUNCTION_ERROR:
        longest = min(2 ** (failed.times - 1), _THROTTLE_LONGEST)
        # Jitter within AWS's bounds: without it, events throttled together would be so again.
        delay = max(1, longest * (1 + failed.jitter) / 2)
    elif failed.times > limits.retries:
        return GiveUp("RetriesExhausted")
    else:
        delay = 60 * failed.times
    return _within(limits, failed, delay, "EventAgeExceeded")


def decide_subscription_retry(failed: FailedAttempt) -> Verdict:
    """Decide what follows a failed delivery from an SNS topic to a queue or function.

    The retries are: three at once, two after one second each, ten after delays that grow from 1 to
    20 seconds, and 100,000 every 20 seconds, with jitter. After a client-side error there is no
    retry. https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
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
    """Return the delay times a factor from 0.5 to 1.5, as ``jitter`` goes from 0 to 1."""
    return delay * (0.5 + jitter)

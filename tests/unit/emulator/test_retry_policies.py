"""What AWS documents about trying again, row by row, and what must hold for all the rest."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.delivery_rules.retry_policies import (
    ASYNCHRONOUS_LIMITS,
    SUBSCRIPTION_RETRIES,
    TARGET_LIMITS,
    FailedAttempt,
    FailureKind,
    GiveUp,
    Limits,
    RetryAfter,
    Verdict,
    decide_async_retry,
    decide_subscription_retry,
    decide_target_retry,
)

EVENTBRIDGE = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html"
EVENTBRIDGE_DLQ = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html"
SCHEDULER = "https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html"
LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"
LAMBDA_API = "https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html"
LAMBDA_OFF = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html"
SNS = "https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html"
SNS_DLQ = "https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html"

PERMANENT, THROTTLED = FailureKind.PERMANENT, FailureKind.THROTTLED
FUNCTION_ERROR, TRANSIENT = FailureKind.FUNCTION_ERROR, FailureKind.TRANSIENT
HALF = 0.5
"""The draw with which a spread delay is just the delay."""
DAY = 24 * 60 * 60


def failed(kind: FailureKind, times: int, age: float = 0.0, jitter: float = HALF) -> FailedAttempt:
    return FailedAttempt(kind=kind, times=times, age=age, jitter=jitter)


@pytest.mark.parametrize(
    ("limits", "attempt", "verdict", "source"),
    [
        (TARGET_LIMITS, failed(TRANSIENT, 1), RetryAfter(1), EVENTBRIDGE),
        (TARGET_LIMITS, failed(TRANSIENT, 2), RetryAfter(2), EVENTBRIDGE),
        (TARGET_LIMITS, failed(TRANSIENT, 5), RetryAfter(16), EVENTBRIDGE),
        (TARGET_LIMITS, failed(THROTTLED, 3), RetryAfter(4), EVENTBRIDGE),
        (TARGET_LIMITS, failed(TRANSIENT, 185), RetryAfter(480), EVENTBRIDGE),
        (TARGET_LIMITS, failed(TRANSIENT, 186), GiveUp("MaximumRetryAttempts"), EVENTBRIDGE),
        (TARGET_LIMITS, failed(TRANSIENT, 1, DAY - 1), RetryAfter(1), EVENTBRIDGE),
        (
            TARGET_LIMITS,
            failed(TRANSIENT, 1, DAY),
            GiveUp("MaximumEventAgeInSeconds"),
            EVENTBRIDGE,
        ),
        (TARGET_LIMITS, failed(PERMANENT, 1), GiveUp(), EVENTBRIDGE_DLQ),
        (TARGET_LIMITS, failed(PERMANENT, 7), GiveUp(), EVENTBRIDGE_DLQ),
        (
            Limits(retries=0, age=DAY),
            failed(TRANSIENT, 1),
            GiveUp("MaximumRetryAttempts"),
            SCHEDULER,
        ),
        (Limits(retries=3, age=60), failed(TRANSIENT, 3), RetryAfter(4), SCHEDULER),
        (
            Limits(retries=3, age=60),
            failed(TRANSIENT, 4),
            GiveUp("MaximumRetryAttempts"),
            SCHEDULER,
        ),
        (
            Limits(retries=3, age=60),
            failed(TRANSIENT, 2, 59),
            GiveUp("MaximumEventAgeInSeconds"),
            SCHEDULER,
        ),
    ],
)
def test_targets_of_rules_and_schedules(
    limits: Limits, attempt: FailedAttempt, verdict: Verdict, source: str
) -> None:
    assert decide_target_retry(limits, attempt) == verdict, source


def test_target_defaults_are_a_day_and_185_retries() -> None:
    assert Limits(retries=185, age=DAY) == TARGET_LIMITS, EVENTBRIDGE
    ages = 0.0
    for times in range(1, 186):
        verdict = decide_target_retry(TARGET_LIMITS, failed(TRANSIENT, times, ages))
        assert isinstance(verdict, RetryAfter)
        ages += verdict.delay
    assert 0.95 * DAY < ages <= DAY


SIX_HOURS = 6 * 60 * 60


@pytest.mark.parametrize(
    ("limits", "attempt", "verdict", "source"),
    [
        (ASYNCHRONOUS_LIMITS, failed(FUNCTION_ERROR, 1), RetryAfter(60), LAMBDA),
        (ASYNCHRONOUS_LIMITS, failed(FUNCTION_ERROR, 2), RetryAfter(120), LAMBDA),
        (ASYNCHRONOUS_LIMITS, failed(FUNCTION_ERROR, 3), GiveUp("RetriesExhausted"), LAMBDA),
        (ASYNCHRONOUS_LIMITS, failed(THROTTLED, 1, jitter=0), RetryAfter(1), LAMBDA),
        (ASYNCHRONOUS_LIMITS, failed(THROTTLED, 1, jitter=1), RetryAfter(1), LAMBDA),
        (ASYNCHRONOUS_LIMITS, failed(THROTTLED, 2, jitter=0), RetryAfter(1), LAMBDA),
        (ASYNCHRONOUS_LIMITS, failed(THROTTLED, 2, jitter=1), RetryAfter(2), LAMBDA),
        (ASYNCHRONOUS_LIMITS, failed(TRANSIENT, 5, jitter=1), RetryAfter(16), LAMBDA),
        (ASYNCHRONOUS_LIMITS, failed(TRANSIENT, 5, jitter=0), RetryAfter(8), LAMBDA),
        (ASYNCHRONOUS_LIMITS, failed(THROTTLED, 9, jitter=1), RetryAfter(256), LAMBDA),
        (ASYNCHRONOUS_LIMITS, failed(THROTTLED, 10, jitter=1), RetryAfter(300), LAMBDA),
        (ASYNCHRONOUS_LIMITS, failed(TRANSIENT, 70, jitter=1), RetryAfter(300), LAMBDA),
        (ASYNCHRONOUS_LIMITS, failed(THROTTLED, 50, SIX_HOURS - 300, 1), RetryAfter(300), LAMBDA),
        (
            ASYNCHRONOUS_LIMITS,
            failed(THROTTLED, 50, SIX_HOURS - 299, 1),
            GiveUp("EventAgeExceeded"),
            LAMBDA,
        ),
        (
            Limits(retries=2, age=60),
            failed(FUNCTION_ERROR, 1, 1),
            GiveUp("EventAgeExceeded"),
            LAMBDA_API,
        ),
        (
            Limits(retries=0, age=SIX_HOURS),
            failed(FUNCTION_ERROR, 1),
            GiveUp("RetriesExhausted"),
            LAMBDA_API,
        ),
        (Limits(retries=0, age=SIX_HOURS), failed(THROTTLED, 1), RetryAfter(1), LAMBDA_API),
        (ASYNCHRONOUS_LIMITS, failed(PERMANENT, 1), GiveUp("ZeroReservedConcurrency"), LAMBDA_OFF),
    ],
)
def test_asynchronous_invocations(
    limits: Limits, attempt: FailedAttempt, verdict: Verdict, source: str
) -> None:
    assert decide_async_retry(limits, attempt) == verdict, source


def test_asynchronous_invocation_defaults_are_six_hours_and_two_retries() -> None:
    assert Limits(retries=2, age=SIX_HOURS) == ASYNCHRONOUS_LIMITS, LAMBDA_API


@pytest.mark.parametrize(
    ("attempt", "verdict", "source"),
    [
        (failed(TRANSIENT, 1), RetryAfter(0), SNS),
        (failed(TRANSIENT, 3), RetryAfter(0), SNS),
        (failed(TRANSIENT, 4), RetryAfter(1), SNS),
        (failed(TRANSIENT, 5), RetryAfter(1), SNS),
        (failed(TRANSIENT, 6), RetryAfter(1), SNS),
        (failed(TRANSIENT, 15), RetryAfter(20), SNS),
        (failed(TRANSIENT, 16), RetryAfter(20), SNS),
        (failed(TRANSIENT, 100_015), RetryAfter(20), SNS),
        (failed(TRANSIENT, 100_016), GiveUp(), SNS),
        (failed(PERMANENT, 1), GiveUp(), SNS_DLQ),
    ],
)
def test_subscriptions(attempt: FailedAttempt, verdict: Verdict, source: str) -> None:
    assert decide_subscription_retry(attempt) == verdict, source


def test_subscription_retries_take_over_23_days() -> None:
    verdicts = [decide_subscription_retry(failed(TRANSIENT, times)) for times in range(1, 100_016)]
    delays = [verdict.delay for verdict in verdicts if isinstance(verdict, RetryAfter)]
    assert len(delays) == SUBSCRIPTION_RETRIES == 100_015, SNS
    assert delays == sorted(delays)
    assert math.floor(sum(delays) / DAY) == 23, SNS


# What no row can show


RULES = [
    (decide_target_retry, 1.5 * 480),
    (decide_async_retry, 300.0),
    (lambda _limits, attempt: decide_subscription_retry(attempt), 1.5 * 20),
]
kinds = st.sampled_from([THROTTLED, FUNCTION_ERROR, TRANSIENT])
draws = st.floats(0, 1)
limits_of_ours = st.builds(Limits, retries=st.integers(0, 5), age=st.floats(60, DAY))


@pytest.mark.parametrize(("rule", "longest"), RULES)
@given(
    limits=limits_of_ours,
    attempt=st.builds(
        FailedAttempt,
        kind=kinds,
        times=st.integers(1, 200_000),
        age=st.floats(0, 30 * DAY),
        jitter=draws,
    ),
)
def test_delays_are_bounded(rule, longest: float, limits: Limits, attempt: FailedAttempt) -> None:
    verdict = rule(limits, attempt)
    assert isinstance(verdict, GiveUp) or 0 <= verdict.delay <= longest


@pytest.mark.parametrize("rule", [decide_target_retry, decide_async_retry])
@given(limits=limits_of_ours, kind=kinds, drawn=st.lists(draws, min_size=1))
def test_retries_end_and_none_comes_too_late(
    rule, limits: Limits, kind: FailureKind, drawn: list[float]
) -> None:
    age, times = 0.0, 0
    while True:
        times += 1
        verdict = rule(limits, failed(kind, times, age, drawn[times % len(drawn)]))
        if isinstance(verdict, GiveUp):
            break
        age += verdict.delay
        assert age <= limits.age
    counted = rule is decide_target_retry or kind is FUNCTION_ERROR
    assert not counted or times <= limits.retries + 1
    assert verdict.condition


@given(limits=limits_of_ours, times=st.integers(1, 1000), age=st.floats(0, DAY), jitter=draws)
def test_permanent_error_is_never_retried(
    limits: Limits, times: int, age: float, jitter: float
) -> None:
    for rule, _ in RULES:
        assert isinstance(rule(limits, failed(PERMANENT, times, age, jitter)), GiveUp)

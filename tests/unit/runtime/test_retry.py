"""Retries: number of attempts, delays, and retried errors."""

from typing import Any

import pytest

from lambdas.runtime.retry import NoAttemptError, RetryPolicy


class Flaky:
    """Work that fails with the given errors, one a call, and then returns ``"done"``."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def policy(**fields: Any) -> tuple[RetryPolicy, list[float]]:
    waits: list[float] = []
    return RetryPolicy(sleep=waits.append, **fields), waits


def is_timeout(error: BaseException) -> bool:
    return isinstance(error, TimeoutError)


def test_attempts_are_numbered_and_bounded():
    retry, _ = policy(max_attempts=3)

    assert list(retry.attempts()) == [0, 1, 2]
    assert [retry.is_last(attempt) for attempt in range(3)] == [False, False, True]


def test_waits_double_and_are_scaled_by_the_jitter():
    retry, waits = policy(max_attempts=4, base_delay=0.5, jitter=lambda: 0.5)

    assert len(list(retry.attempts())) == 4
    assert waits == [0.25, 0.5, 1.0]


def test_no_wait_without_a_base_delay():
    retry, waits = policy(max_attempts=4)

    assert len(list(retry.attempts())) == 4
    assert waits == []


def test_transient_error_is_retried():
    retry, waits = policy(max_attempts=3, base_delay=1.0, jitter=lambda: 1.0)
    work = Flaky(TimeoutError(), TimeoutError())

    assert retry.call(work, is_transient=is_timeout) == "done"
    assert (work.calls, waits) == (3, [1.0, 2.0])


def test_transient_error_of_the_last_attempt_is_raised():
    retry, waits = policy(max_attempts=2, base_delay=1.0, jitter=lambda: 1.0)
    work = Flaky(*[TimeoutError()] * 3)

    with pytest.raises(TimeoutError):
        retry.call(work, is_transient=is_timeout)
    assert (work.calls, waits) == (2, [1.0])


def test_other_error_is_raised_at_once():
    retry, _ = policy(max_attempts=3)
    work = Flaky(ValueError("wrong"))

    with pytest.raises(ValueError, match="wrong"):
        retry.call(work, is_transient=is_timeout)
    assert work.calls == 1


def test_policy_without_an_attempt_is_an_error():
    retry, _ = policy(max_attempts=0)

    with pytest.raises(NoAttemptError):
        retry.call(Flaky(), is_transient=is_timeout)

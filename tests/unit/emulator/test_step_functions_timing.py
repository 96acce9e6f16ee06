"""How long Step Functions waits, as its documentation has it."""

import pytest

from emulator.delivery_rules.step_functions_timing import (
    execution_timeout,
    heartbeat_remaining,
    retry_delay,
)


def test_delay_grows_up_to_its_cap():
    retrier = {"IntervalSeconds": 4, "BackoffRate": 3, "MaxDelaySeconds": 10}
    assert [retry_delay(retrier, retries, jitter=0.5) for retries in range(3)] == [4, 10, 10]


def test_delay_without_a_cap_doubles_from_one_second():
    assert [retry_delay({}, retries, jitter=0.5) for retries in range(8)][-1] == 128


def test_full_jitter_draws_from_zero_up_to_the_capped_delay():
    retrier = {"IntervalSeconds": 4, "MaxDelaySeconds": 10, "JitterStrategy": "FULL"}
    assert [retry_delay(retrier, 4, jitter=jitter) for jitter in (0, 0.5, 1)] == [0, 5, 10]


@pytest.mark.parametrize(
    ("definition", "express", "seconds"),
    [
        ({}, False, None),
        ({"TimeoutSeconds": 900}, False, 900),
        ({}, True, 300),
        ({"TimeoutSeconds": 900}, True, 300),
        ({"TimeoutSeconds": 10}, True, 10),
    ],
)
def test_timeout_of_an_execution(definition, express, seconds):
    assert execution_timeout(definition, express=express) == seconds


def test_next_heartbeat_is_due_within_the_interval():
    assert heartbeat_remaining(10, last=100, now=104) == 6
    assert heartbeat_remaining(10, last=100, now=111) == 0

"""The longest path through a saga ends before its execution times out."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
from aws_cdk.aws_stepfunctions import StateMachineType

from stacks.constructs.saga.model import EXPRESS_TIMEOUTS, STANDARD_TIMEOUTS, Timeouts
from tests.templates.checks.sagas import task_timeout_exceeds_function_timeout
from tests.templates.kinds import MACHINE
from tests.templates.saga_definitions import SAGAS, calls, saga
from tests.templates.synthesis import OPTIONS, ROOT, Platform, platform, synthesis_of

GUIDE = "docs/how-to/add-a-saga-step.md"


def with_type(kind: StateMachineType) -> Platform:
    """The development environment or the other, whatever the setting is today."""
    here, there = platform("dev"), synthesis_of(OPTIONS).platform
    return here if here.environment.saga_type == kind else there


standard = partial(with_type, StateMachineType.STANDARD)
express = partial(with_type, StateMachineType.EXPRESS)


def longest(state: Mapping[str, Any]) -> float:
    """How long a state may take at most, all its tries and the waits between them included."""
    retries = [retry for retry in state.get("Retry", []) if retry["MaxAttempts"]]
    attempts = 1 + sum(retry["MaxAttempts"] for retry in retries)
    waits = (
        min(retry["IntervalSeconds"] * retry["BackoffRate"] ** i, retry["MaxDelaySeconds"])
        for retry in retries
        for i in range(retry["MaxAttempts"])
    )
    return float(attempts * state.get("TimeoutSeconds", 0) + sum(waits))


def longest_path(machine: Mapping[str, Any], name: str | None = None) -> float:
    """The most seconds from a state, or the first, to an end."""
    state = machine["States"][name or machine["StartAt"]]
    ways = [state["Next"]] if "Next" in state else []
    ways += [catch["Next"] for catch in state.get("Catch", [])]
    ways += [choice["Next"] for choice in state.get("Choices", [])]
    ways += [state["Default"]] if "Default" in state else []
    return longest(state) + max((longest_path(machine, way) for way in ways), default=0.0)


def one_more_step(machine: Mapping[str, Any]) -> float:
    """The most seconds of an action, its compensation, and the repair if that fails for good."""
    called = calls(machine)
    writes = (state for name, state in machine["States"].items() if name not in called)
    return 2 * max(map(longest, called.values())) + max(map(longest, writes))


class TestTime:
    def test_longest_path_is_the_sum_of_all_attempts_and_waits(self):
        retry = {"IntervalSeconds": 1, "BackoffRate": 2, "MaxDelaySeconds": 3, "MaxAttempts": 3}
        machine = {
            "StartAt": "A",
            "States": {
                "A": {
                    "TimeoutSeconds": 5,
                    "Retry": [{"ErrorEquals": ["No"], "MaxAttempts": 0}, retry],
                    "Next": "B",
                    "Catch": [{"Next": "C"}],
                },
                "B": {"TimeoutSeconds": 1},
                "C": {"Choices": [{"Next": "D"}], "Default": "B"},
                "D": {"TimeoutSeconds": 7},
            },
        }

        assert longest_path(machine) == 4 * 5 + (1 + 2 + 3) + 7

    @pytest.mark.parametrize("name", SAGAS)
    @pytest.mark.parametrize(
        ("of", "timeouts"),
        [(standard, STANDARD_TIMEOUTS), (express, EXPRESS_TIMEOUTS)],
        ids=["standard", "express"],
    )
    def test_longest_path_is_shorter_than_the_timeout(self, of: Any, timeouts: Timeouts, name: str):
        machine = saga(of(), name)

        assert machine["TimeoutSeconds"] == timeouts.execution
        assert 0 < longest_path(machine) < timeouts.execution, f"make room: {GUIDE} says how"

    @pytest.mark.parametrize("name", SAGAS)
    @pytest.mark.parametrize(
        ("of", "seconds"), [(standard, 120), (express, 40)], ids=["standard", "express"]
    )
    def test_execution_waits_for_a_busy_participant_for_a_bounded_time(
        self, of: Any, seconds: int, name: str
    ):
        for state in calls(saga(of(), name)).values():
            assert seconds / 2 < longest(state) <= seconds

    @pytest.mark.parametrize("name", SAGAS)
    def test_express_stays_within_its_five_minutes(self, name: str):
        # https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
        assert saga(express(), name)["TimeoutSeconds"] <= 300
        assert express().one(MACHINE, name).properties["StateMachineType"] == "EXPRESS"

    @pytest.mark.parametrize("of", [standard, express], ids=["standard", "express"])
    def test_call_outlives_its_function(self, of: Any):
        assert list(task_timeout_exceeds_function_timeout(of())) == []

    @pytest.mark.parametrize(
        "timeouts", [STANDARD_TIMEOUTS, EXPRESS_TIMEOUTS], ids=["standard", "express"]
    )
    def test_claim_outlives_the_execution(self, timeouts: Timeouts):
        assert timeouts.lease > timeouts.execution

    @pytest.mark.parametrize("name", SAGAS)
    def test_claim_is_written_with_that_lease(self, name: str):
        values = saga(standard(), name)["States"]["Claim"]["Arguments"]["ExpressionAttributeValues"]

        assert values[":until"]["N"].endswith(f"+ {STANDARD_TIMEOUTS.lease}) %}}")


@pytest.mark.parametrize(
    ("kind", "of", "timeouts"),
    [
        ("Standard", standard, STANDARD_TIMEOUTS),
        ("Express", express, EXPRESS_TIMEOUTS),
    ],
)
def test_guide_says_how_many_more_steps_fit(kind: str, of: Any, timeouts: Timeouts):
    machine = saga(of(), "Fulfilment")
    path, more = longest_path(machine), one_more_step(machine)
    fit = (timeouts.execution - path) // more

    row = f"| {kind} | {path:.0f} s of {timeouts.execution} | {more:.0f} s | {fit:.0f} |"
    assert row in (ROOT / GUIDE).read_text().splitlines(), f"write into {GUIDE}: {row}"

"""A saga's execution is read from its history."""

import pytest

from ops.orders.executions import execution_of
from tests.unit.ops.order_samples import ARN, FULFILLED, STARTED, happened, task


class TestExecutions:
    def test_steps_have_attempts_and_outcomes(self):
        execution = execution_of(ARN, FULFILLED)
        assert (execution.status, execution.note) == ("SUCCEEDED", "")
        assert [(step.name, step.outcome) for step in execution.steps] == [
            ("Claim", "done in 0.2 s"),
            ("ReserveStock", "done in 0.2 s"),
            ("TakePayment", "done in 0.2 s (2 attempts)"),
            ("BookShipment", "done in 0.2 s"),
            ("Confirm", "done in 0.2 s"),
        ]

    def test_running_execution_has_a_step_in_progress(self):
        history = [STARTED, *list(task("Claim", 0.2, "Boom: no"))[:-1]]
        execution = execution_of(ARN, history)
        assert execution.status == "RUNNING"
        assert execution.steps[-1].outcome == "in progress, after Boom: no"

    @pytest.mark.parametrize("kind", ["Failed", "TimedOut", "Aborted"])
    def test_failed_execution_has_its_error(self, kind: str):
        end = happened(f"Execution{kind}", 9, error="OutcomeUnknown", cause="it waits\nthere")
        assert execution_of(ARN, [STARTED, end]).note == "OutcomeUnknown: it waits"

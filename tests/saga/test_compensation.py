"""A compensation that fails is dead-lettered, and one that comes too late keeps all effects."""

import pytest

from lambdas.contracts.commands import TECHNICAL_FAILURE
from tests.support.saga_actors import ACTIONS, NAMES
from tests.support.saga_harness import QUICK_TIMEOUTS, SagaHarness


def test_failed_compensation_is_dead_lettered_and_the_others_run(harness):
    opened = harness.open(Third="refuse", UndoSecond="crash")
    assert harness.run(opened) == "SUCCEEDED"
    tried = ["UndoSecond"] * (1 + QUICK_TIMEOUTS.compensation_retries)
    assert harness.calls(opened) == [*ACTIONS, *tried, "UndoFirst"]
    (message,) = harness.dead_letters()
    assert message["compensation"] == "UndoSecond"
    assert ":function:UndoSecond-" in message["function"]
    assert message["payload"] == {
        "order_id": opened["data"]["order_id"],
        "script": opened["data"]["script"],
    }
    assert message["error"]["Error"] == "RuntimeError"
    assert message["execution"].startswith("arn:aws:states:")
    record = harness.record(opened)
    assert (record["state"], record["reason"], record["sequence"]) == ("UNDONE", "Refused", "3")
    assert [name["S"] for name in record["failed_compensations"]] == ["UndoSecond"]


def test_busy_compensation_is_tried_again_later_and_the_others_run(harness):
    opened = harness.open(Third="refuse", UndoSecond="be busy")
    assert harness.run(opened) == "SUCCEEDED"
    tried = ["UndoSecond"] * (1 + QUICK_TIMEOUTS.compensation_retries)
    assert harness.calls(opened) == [*ACTIONS, *tried, "UndoFirst"]
    record = harness.record(opened)
    assert (record["state"], record["reason"]) == ("OPEN", "Refused")
    assert (record["deferred_step"], record["deferred_error"]) == ("UndoSecond", "TimeoutError")
    assert harness.dead_letters() == []

    assert harness.run(harness.rewrite(opened)) == "SUCCEEDED"
    assert harness.calls(opened)[-3:] == ["UndoThird", "UndoSecond", "UndoFirst"]
    record = harness.record(opened)
    assert (record["state"], record["reason"], record["sequence"]) == ("UNDONE", "Refused", "2")
    assert "failed_compensations" not in record
    assert harness.dead_letters() == []


def test_every_failed_compensation_is_dead_lettered(harness):
    opened = harness.open(Third="be late", **{undo: "crash" for _, undo in NAMES})
    assert harness.run(opened) == "SUCCEEDED"
    dead_letters = {message["compensation"] for message in harness.dead_letters()}
    assert dead_letters == {undo for _, undo in NAMES}
    assert len(harness.record(opened)["failed_compensations"]) == len(NAMES)


def test_other_compensations_run_without_a_repair_queue(cloud):
    harness = SagaHarness(cloud, "STANDARD")
    harness.sqs.delete_queue(QueueUrl=harness.queue)
    opened = harness.open(Third="refuse", UndoSecond="crash")
    assert harness.run(opened) == "SUCCEEDED"
    assert harness.calls(opened)[-1] == "UndoFirst"
    # Without its dead letter nobody could finish it, so it is tried again.
    record = harness.record(opened)
    assert (record["state"], record["reason"]) == ("OPEN", "Refused")
    assert record["deferred_step"] == "DeadLetterUndoSecond"
    assert "failed_compensations" not in record


def test_already_compensated_step_is_not_retried_and_gives_no_reason(harness):
    opened = harness.open(Second="be late")
    assert harness.run(opened) == "SUCCEEDED"
    assert harness.calls(opened) == ["First", "Second", "UndoSecond", "UndoFirst"]
    record = harness.record(opened)
    assert (record["state"], record["reason"]) == ("UNDONE", TECHNICAL_FAILURE)
    assert record["explanation"] == "Second: AlreadyCompensated"


@pytest.mark.parametrize("action", ACTIONS)
def test_irreversible_step_keeps_all_effects_whichever_step_was_undone(harness, action):
    opened = harness.open(**{action: "be late", "UndoThird": "be gone"})
    assert harness.leave(opened) == "SUCCEEDED"
    assert harness.calls(opened)[-1] == "UndoThird"
    assert not {"UndoFirst", "UndoSecond"} & set(harness.calls(opened))
    assert harness.record(opened)["state"] == "KEPT"


def test_reversible_last_step_is_undone_with_all_others(harness):
    opened = harness.open(First="be late")
    assert harness.leave(opened) == "SUCCEEDED"
    assert harness.calls(opened)[-3:] == ["UndoThird", "UndoSecond", "UndoFirst"]
    assert harness.record(opened)["state"] == "UNDONE"

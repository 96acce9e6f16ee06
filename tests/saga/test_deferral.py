"""A failure that is no refusal is retried, then deferred, and finished by a later execution."""

from datetime import UTC, datetime, timedelta

import pytest

from lambdas.contracts.commands import TECHNICAL_FAILURE
from lambdas.contracts.transient import TRANSIENT_ERRORS
from tests.support.saga_actors import ACTIONS, UNDO
from tests.support.saga_harness import QUICK_TIMEOUTS

DEFERRAL = (
    "deferred_shard",
    "deferred_since",
    "deferred_step",
    "deferred_error",
    "deferrals",
)


@pytest.mark.parametrize("action", ACTIONS)
def test_any_other_failure_is_retried_and_then_deferred(harness, action):
    opened = harness.open(**{action: "crash"})
    before = harness.record(opened)
    began = datetime.now(UTC)
    assert harness.run(opened) == "SUCCEEDED"
    tried = [action] * (1 + QUICK_TIMEOUTS.action_retries)
    assert harness.calls(opened) == [*ACTIONS[: ACTIONS.index(action)], *tried]
    record = harness.record(opened)
    assert record.keys() - before.keys() == {"claimed_by", *DEFERRAL}
    assert (record["state"], record["sequence"], record["deferrals"]) == ("OPEN", "1", "1")
    assert (record["deferred_step"], record["deferred_error"]) == (action, "RuntimeError")
    assert record["deferred_shard"] == opened["data"]["order_id"][0]
    since, due = (
        datetime.fromisoformat(record[name]) for name in ("deferred_since", "check_after")
    )
    assert began - timedelta(seconds=1) <= since <= datetime.now(UTC)
    assert timedelta(seconds=7) <= due - since <= timedelta(seconds=16)
    assert harness.dead_letters() == []


def test_deferred_record_is_finished_by_a_later_execution(harness):
    opened = harness.open(Second="crash")
    harness.run(opened)
    assert harness.run(harness.rewrite(opened)) == "SUCCEEDED"
    assert harness.calls(opened)[-3:] == ACTIONS
    record = harness.record(opened)
    assert (record["state"], record["sequence"]) == ("DONE", "2")
    assert not {*DEFERRAL} & record.keys()


def test_deferrals_are_counted_and_grow(harness):
    opened = harness.open(First="crash")
    harness.run(opened)
    first = harness.record(opened)
    harness.set_number(opened, deferrals=4)
    harness.run(opened)
    record = harness.record(opened)
    assert (record["deferrals"], record["deferred_since"]) == ("5", first["deferred_since"])
    wait = datetime.fromisoformat(record["check_after"]) - datetime.now(UTC)
    # 15 s, doubled four times, half of it jitter.
    assert timedelta(seconds=100) <= wait <= timedelta(seconds=240)


def test_time_out_is_deferred(harness):
    opened = harness.open(Second="hang")
    assert harness.run(opened) == "SUCCEEDED"
    record = harness.record(opened)
    assert (record["state"], record["deferred_step"]) == ("OPEN", "Second")
    assert record["deferred_error"] in TRANSIENT_ERRORS


@pytest.mark.parametrize("action", ACTIONS)
def test_refusal_after_a_deferral_undoes_every_step(harness, action):
    """The execution before may have come further than this one."""
    opened = harness.open(Third="crash")
    harness.run(opened)
    assert harness.run(harness.rewrite(opened, **{action: "refuse"})) == "SUCCEEDED"
    assert harness.calls(opened)[-3:] == [UNDO[name] for name in reversed(ACTIONS)]
    assert (harness.record(opened)["state"], harness.record(opened)["reason"]) == (
        "UNDONE",
        "Refused",
    )


def test_nothing_else_is_undone_until_the_irreversible_step_has_answered(harness):
    opened = harness.open(Third="be late", UndoThird="crash")
    assert harness.leave(opened) == "SUCCEEDED"
    assert harness.calls(opened)[-2:] == ["UndoThird"] * 2
    record = harness.record(opened)
    assert (record["state"], record["reason"]) == ("OPEN", TECHNICAL_FAILURE)
    assert (record["deferred_step"], record["deferrals"]) == ("UndoThird", "1")
    assert harness.dead_letters() == []

    assert harness.leave(harness.rewrite(opened)) == "SUCCEEDED"
    # It goes on undoing, and does not begin again.
    assert harness.calls(opened)[-4:] == ["UndoThird", "UndoThird", "UndoSecond", "UndoFirst"]
    record = harness.record(opened)
    assert (record["state"], record["reason"]) == ("UNDONE", TECHNICAL_FAILURE)
    assert not {*DEFERRAL} & record.keys()

"""A saga confirms its record, or undoes what it did and rejects it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from lambdas.contracts.commands import CANCELLED
from tests.support.saga_actors import ACTIONS, UNDO


def undone_before(name):
    """The compensations of all actions before ``name``, the latest first."""
    return [UNDO[action] for action in reversed(ACTIONS[: ACTIONS.index(name)])]


def test_all_actions_done_in_order_confirm_the_record(harness):
    opened = harness.open()
    assert harness.run(opened) == "SUCCEEDED"
    assert harness.calls(opened) == ACTIONS
    record = harness.record(opened)
    assert (record["state"], record["sequence"]) == ("DONE", "2")
    assert harness.dead_letters() == []


@pytest.mark.parametrize("fate", ["work", "refuse"])
def test_outcome_sequence_counts_out_of_band_events(harness, fate):
    opened = harness.open(Second=fate)
    harness.add_out_of_band_event(opened)
    harness.add_out_of_band_event(opened)
    assert harness.run(opened) == "SUCCEEDED"
    record = harness.record(opened)
    assert (record["state"], record["sequence"]) == (
        {"work": "DONE", "refuse": "UNDONE"}[fate],
        "4",
    )


@pytest.mark.parametrize("action", ACTIONS)
def test_refusal_is_not_retried_and_undoes_exactly_the_steps_before_it(harness, action):
    opened = harness.open(**{action: "refuse"})
    assert harness.run(opened) == "SUCCEEDED"
    done = ACTIONS[: ACTIONS.index(action) + 1]
    assert harness.calls(opened) == done + undone_before(action)
    record = harness.record(opened)
    assert (record["state"], record["sequence"]) == ("UNDONE", "2")
    assert (record["reason"], record["explanation"]) == ("Refused", f"{action} says no")


def test_second_delivery_of_the_event_ends_at_once_and_changes_nothing(harness):
    opened = harness.open()
    harness.run(opened)
    before = harness.record(opened)
    assert harness.run(opened) == "SUCCEEDED"
    assert harness.calls(opened) == ACTIONS
    assert harness.record(opened) == before


def test_record_of_an_event_of_unknown_version_is_dead_lettered_untouched(harness):
    opened = harness.open()
    opened["metadata"]["schema_version"] = 7
    # Where the unknown version has its fields, the saga cannot know.
    opened["data"] = {"order": opened["data"]}
    assert harness.run(opened) == "FAILED"
    (message,) = harness.dead_letters()
    assert message["record"] == opened["metadata"]["subject"]
    assert message["error"]["Error"] == "UnreadableEvent"
    assert "schema_version is 7, this saga reads" in message["error"]["Cause"]
    assert "claim_owner" not in harness.record({"data": opened["data"]["order"]})


def test_refusal_is_on_record_before_anything_is_undone(harness):
    opened = harness.open(Third="refuse", UndoSecond="steal the claim")
    assert harness.run(opened) == "SUCCEEDED"
    assert harness.calls(opened)[-2:] == ["UndoSecond", "UndoFirst"]
    record = harness.record(opened)
    assert (record["state"], record["reason"]) == ("OPEN", "Refused")

    harness.claim(opened, owner="dead", until=1)
    assert harness.run(harness.rewrite(opened)) == "SUCCEEDED"
    assert harness.calls(opened)[-3:] == ["UndoThird", "UndoSecond", "UndoFirst"]
    record = harness.record(opened)
    assert (record["state"], record["reason"]) == ("UNDONE", "Refused")
    assert record["explanation"] == "Third says no"


def test_saga_without_completed_state_only_compensates(harness):
    opened = harness.open()
    assert harness.withdraw(opened) == "SUCCEEDED"
    assert harness.calls(opened) == [UNDO[action] for action in reversed(ACTIONS)]
    record = harness.record(opened)
    assert (record["state"], record["reason"], record["sequence"]) == ("UNDONE", CANCELLED, "2")


def test_completed_record_is_looked_at_again(harness):
    opened = harness.open()
    harness.add_out_of_band_event(opened)
    assert harness.leave(opened) == "SUCCEEDED"
    record = harness.record(opened)
    assert (record["state"], record["sequence"], record["out_of_band_events"]) == ("DONE", "3", "0")
    due = datetime.fromisoformat(record["check_after"]) - datetime.now(UTC)
    assert timedelta(seconds=30) <= due <= timedelta(seconds=60)
    assert record["open_shard"] == f"done-{opened['data']['order_id'][0]}"


def test_closed_record_leaves_the_index_of_open_records(harness):
    for script, over in (({}, False), ({"Second": "refuse"}, True), ({"Third": "cancel"}, True)):
        opened = harness.open(**script)
        assert "open_shard" in harness.record(opened)
        harness.run(opened)
        record = harness.record(opened)
        assert not {"open_shard", "check_after"} & record.keys()
        assert ("dedup_bucket" in record) is not over
        assert record.get("closed_shard") == (opened["data"]["order_id"][0] if over else None)


def test_array_of_one_reaches_the_action_as_an_array(harness, cloud):
    opened = harness.open()
    harness.run(opened)
    group = f"/aws/lambda/First-{harness._id}"
    logs = cloud.client("logs").filter_log_events(logGroupName=group)["events"]
    played = [
        json.loads(event["message"].removeprefix("played First "))
        for event in logs
        if event["message"].startswith("played First ")
    ]
    (mine,) = (p for p in played if p["order_id"] == opened["data"]["order_id"])
    assert mine["lines"] == ["only one"]

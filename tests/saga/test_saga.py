"""What holds for every saga, tried on Standard and on Express."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from emulator.cloud import running
from lambdas.contracts.commands import CANCELLED, TECHNICAL_FAILURE
from lambdas.contracts.transient import TRANSIENT_ERRORS
from tests.support.saga_harness import ACTIONS, NAMES, QUICK_TIMEOUTS, UNDO, SagaHarness

DEFERRAL = (
    "deferred_shard",
    "deferred_since",
    "deferred_step",
    "deferred_error",
    "deferrals",
)


@pytest.fixture(scope="session")
def cloud():
    with running() as cloud:
        yield cloud


@pytest.fixture(scope="session", params=["STANDARD", "EXPRESS"])
def harness(cloud, request):
    return SagaHarness(cloud, request.param)


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
    assert timedelta(seconds=14) <= due - since <= timedelta(seconds=31)
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
    # 30 s, doubled four times, half of it jitter.
    assert timedelta(seconds=200) <= wait <= timedelta(seconds=480)


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
    assert message["error"] == {
        "Error": "UnknownVersion",
        "Cause": "schema_version is 7, this saga reads 1",
    }
    assert "claim_owner" not in harness.record({"data": opened["data"]["order"]})


def test_claimed_record_is_left_to_its_owner(harness):
    opened = harness.open()
    harness.claim(opened, owner="other", until=99_999_999_999)
    assert harness.run(opened) == "SUCCEEDED"
    assert harness.calls(opened) == []
    assert harness.record(opened)["claim_owner"] == "other"


def test_expired_claim_is_taken_over(harness):
    opened = harness.open()
    harness.claim(opened, owner="dead", until=1)
    assert harness.run(opened) == "SUCCEEDED"
    assert harness.record(opened)["state"] == "DONE"


def test_execution_that_took_a_claim_over_undoes_every_step(harness):
    opened = harness.open(First="refuse")
    harness.claim(opened, owner="dead", until=1)
    assert harness.run(opened) == "SUCCEEDED"
    everything = [UNDO[action] for action in reversed(ACTIONS)]
    assert harness.calls(opened) == ["First", *everything]
    assert harness.record(opened)["reason"] == "Refused"


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
    record = harness.record(opened)
    assert (record["state"], [name["S"] for name in record["failed_compensations"]]) == (
        "UNDONE",
        ["UndoSecond"],
    )


@pytest.mark.parametrize(
    ("happens", "owner", "state"),
    [("steal the claim", "somebody else", "OPEN"), ("confirm", None, "DONE")],
)
def test_record_that_is_no_longer_to_be_confirmed_is_left_as_it_is(harness, happens, owner, state):
    """Another execution has it, or an attempt to confirm it took effect without a response."""
    opened = harness.open(Third=happens)
    assert harness.run(opened) == "SUCCEEDED"
    assert harness.calls(opened) == ACTIONS
    assert harness.dead_letters() == []
    record = harness.record(opened)
    assert record["state"] == state
    assert owner in (None, record["claim_owner"])


def test_record_that_cannot_be_claimed_is_left_open(harness):
    opened = harness.open()
    harness.set_columns(opened, claimed_by="no set of texts")
    before = harness.record(opened)
    assert harness.run(opened) == "FAILED"
    assert (harness.calls(opened), harness.dead_letters()) == ([], [])
    assert harness.record(opened) == before


def test_cancellation_request_makes_the_last_write_undo_everything(harness):
    opened = harness.open(Third="cancel")
    assert harness.run(opened) == "SUCCEEDED"
    assert harness.calls(opened) == [*ACTIONS, *(UNDO[action] for action in reversed(ACTIONS))]
    record = harness.record(opened)
    assert (record["state"], record["reason"], record["sequence"]) == ("CANCELLED", CANCELLED, "2")


def test_already_compensated_step_is_not_retried_and_gives_no_reason(harness):
    opened = harness.open(Second="be late")
    assert harness.run(opened) == "SUCCEEDED"
    assert harness.calls(opened) == ["First", "Second", "UndoSecond", "UndoFirst"]
    record = harness.record(opened)
    assert (record["state"], record["reason"]) == ("UNDONE", TECHNICAL_FAILURE)
    assert record["explanation"] == "Second: AlreadyCompensated"


@pytest.mark.parametrize("claimed", [True, False])
def test_cancellation_on_record_at_the_claim_stops_the_saga_before_its_first_action(
    harness, claimed
):
    opened = harness.open()
    if claimed:
        harness.claim(opened, owner="dead", until=1)
    why = {"reason": "DuplicateOrder", "explanation": "the same as another"}
    harness.set_columns(opened, cancel_requested_at="now", **why)
    assert harness.run(opened) == "SUCCEEDED"
    assert harness.calls(opened) == [UNDO[name] for name in reversed(ACTIONS)]
    record = harness.record(opened)
    assert record["state"] == "CANCELLED"
    assert {name: record[name] for name in why} == why


def test_refusal_wins_over_a_cancellation_request(harness):
    opened = harness.open(First="cancel", Third="refuse")
    assert harness.run(opened) == "SUCCEEDED"
    assert (harness.record(opened)["state"], harness.record(opened)["reason"]) == (
        "UNDONE",
        "Refused",
    )


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


def test_completed_record_is_looked_at_again(harness):
    opened = harness.open()
    harness.add_out_of_band_event(opened)
    assert harness.leave(opened) == "SUCCEEDED"
    record = harness.record(opened)
    assert (record["state"], record["sequence"], record["out_of_band_events"]) == ("DONE", "3", "0")
    due = datetime.fromisoformat(record["check_after"]) - datetime.now(UTC)
    assert timedelta(seconds=30) <= due <= timedelta(seconds=60)
    assert record["open_shard"] == f"done-{opened['data']['order_id'][0]}"


def test_cancelled_record_keeps_the_requests_reason(harness):
    under_way, done = harness.open(Third="cancel"), harness.open()
    why = {"reason": "DuplicateOrder", "explanation": "the same as another"}
    for opened in (under_way, done):
        harness.set_columns(opened, **why)
    harness.run(under_way)
    harness.withdraw(done)
    for opened in (under_way, done):
        record = harness.record(opened)
        assert {name: record[name] for name in why} == why


def test_closed_record_leaves_the_index_of_open_records(harness):
    for script, over in (({}, False), ({"Second": "refuse"}, True), ({"Third": "cancel"}, True)):
        opened = harness.open(**script)
        assert "open_shard" in harness.record(opened)
        harness.run(opened)
        record = harness.record(opened)
        assert not {"open_shard", "check_after"} & record.keys()
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

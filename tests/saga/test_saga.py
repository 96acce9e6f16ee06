"""What holds for every saga, tried on Standard and on Express."""

import json

import pytest

from lambdas.contracts.event import CANCELLED, TECHNICAL_FAILURE
from local.cloud import running
from tests.saga.stage import ACTIONS, NAMES, QUICK_TIMEOUTS, UNDO, Stage


@pytest.fixture(scope="session")
def cloud():
    with running() as cloud:
        yield cloud


@pytest.fixture(scope="session", params=["STANDARD", "EXPRESS"])
def stage(cloud, request):
    return Stage(cloud, request.param)


def undone_before(name):
    """The compensations of all actions before ``name``, the latest first."""
    return [UNDO[action] for action in reversed(ACTIONS[: ACTIONS.index(name)])]


def test_all_actions_done_in_order_confirm_the_record(stage):
    opened = stage.open()
    assert stage.run(opened) == "SUCCEEDED"
    assert stage.calls(opened) == ACTIONS
    record = stage.record(opened)
    assert (record["state"], record["sequence"]) == ("DONE", "2")
    assert stage.dead_letters() == []


@pytest.mark.parametrize("fate", ["work", "refuse"])
def test_its_number_comes_behind_what_was_told_beside_it(stage, fate):
    opened = stage.open(Second=fate)
    stage.add_out_of_band_event(opened)
    stage.add_out_of_band_event(opened)
    assert stage.run(opened) == "SUCCEEDED"
    record = stage.record(opened)
    assert (record["state"], record["sequence"]) == (
        {"work": "DONE", "refuse": "UNDONE"}[fate],
        "4",
    )


@pytest.mark.parametrize("action", ACTIONS)
def test_a_refusal_is_not_retried_and_undoes_exactly_what_was_done_before_it(stage, action):
    opened = stage.open(**{action: "refuse"})
    assert stage.run(opened) == "SUCCEEDED"
    done = ACTIONS[: ACTIONS.index(action) + 1]
    assert stage.calls(opened) == done + undone_before(action)
    record = stage.record(opened)
    assert (record["state"], record["sequence"]) == ("UNDONE", "2")
    assert (record["reason"], record["explanation"]) == ("Refused", f"{action} says no")


@pytest.mark.parametrize("action", ACTIONS)
def test_any_other_failure_is_retried_and_then_undone_from_the_failed_step_on(stage, action):
    opened = stage.open(**{action: "crash"})
    assert stage.run(opened) == "SUCCEEDED"
    tried = [action] * (1 + QUICK_TIMEOUTS.action_retries)
    done = ACTIONS[: ACTIONS.index(action)]
    assert stage.calls(opened) == [*done, *tried, UNDO[action], *undone_before(action)]
    record = stage.record(opened)
    assert (record["state"], record["reason"]) == ("UNDONE", TECHNICAL_FAILURE)
    assert record["explanation"].startswith(f"{action}: ")


def test_after_a_time_out_the_step_itself_is_undone_too(stage):
    opened = stage.open(Second="hang")
    assert stage.run(opened) == "SUCCEEDED"
    assert stage.calls(opened)[-2:] == ["UndoSecond", "UndoFirst"]
    assert stage.record(opened)["state"] == "UNDONE"


def test_a_second_delivery_of_the_event_ends_at_once_and_changes_nothing(stage):
    opened = stage.open()
    stage.run(opened)
    before = stage.record(opened)
    assert stage.run(opened) == "SUCCEEDED"
    assert stage.calls(opened) == ACTIONS
    assert stage.record(opened) == before


def test_a_claimed_record_is_left_to_its_owner(stage):
    opened = stage.open()
    stage.claim(opened, owner="other", until=99_999_999_999)
    assert stage.run(opened) == "SUCCEEDED"
    assert stage.calls(opened) == []
    assert stage.record(opened)["claim_owner"] == "other"


def test_an_expired_claim_is_taken_over(stage):
    opened = stage.open()
    stage.claim(opened, owner="dead", until=1)
    assert stage.run(opened) == "SUCCEEDED"
    assert stage.record(opened)["state"] == "DONE"


def test_who_took_a_claim_over_undoes_everything_though_it_came_less_far_itself(stage):
    opened = stage.open(First="refuse")
    stage.claim(opened, owner="dead", until=1)
    assert stage.run(opened) == "SUCCEEDED"
    everything = [UNDO[action] for action in reversed(ACTIONS)]
    assert stage.calls(opened) == ["First", *everything]
    assert stage.record(opened)["reason"] == "Refused"


def test_a_compensation_that_fails_for_good_is_parked_and_the_others_run_on(stage):
    opened = stage.open(Third="refuse", UndoSecond="crash")
    assert stage.run(opened) == "SUCCEEDED"
    tried = ["UndoSecond"] * (1 + QUICK_TIMEOUTS.compensation_retries)
    assert stage.calls(opened) == [*ACTIONS, *tried, "UndoFirst"]
    (message,) = stage.dead_letters()
    assert message["compensation"] == "UndoSecond"
    assert ":function:UndoSecond-" in message["function"]
    assert message["payload"] == {
        "order_id": opened["data"]["order_id"],
        "script": opened["data"]["script"],
    }
    assert message["error"]["Error"] == "RuntimeError"
    assert message["execution"].startswith("arn:aws:states:")
    record = stage.record(opened)
    assert (record["state"], record["reason"], record["sequence"]) == ("UNDONE", "Refused", "3")
    assert [name["S"] for name in record["failed_compensations"]] == ["UndoSecond"]


def test_every_compensation_may_fail_and_every_one_is_parked(stage):
    opened = stage.open(Third="crash", **{undo: "crash" for _, undo in NAMES})
    assert stage.run(opened) == "SUCCEEDED"
    dead_letters = {message["compensation"] for message in stage.dead_letters()}
    assert dead_letters == {undo for _, undo in NAMES}
    assert len(stage.record(opened)["failed_compensations"]) == len(NAMES)


def test_without_a_repair_queue_the_others_are_undone_all_the_same(cloud):
    stage = Stage(cloud, "STANDARD")
    stage.sqs.delete_queue(QueueUrl=stage.queue)
    opened = stage.open(Third="refuse", UndoSecond="crash")
    assert stage.run(opened) == "SUCCEEDED"
    assert stage.calls(opened)[-1] == "UndoFirst"
    record = stage.record(opened)
    assert (record["state"], [name["S"] for name in record["failed_compensations"]]) == (
        "UNDONE",
        ["UndoSecond"],
    )


def test_an_outcome_that_cannot_be_written_is_parked_and_nothing_is_undone(stage):
    opened = stage.open(Third="steal the claim")
    assert stage.run(opened) == "FAILED"
    assert stage.calls(opened) == ACTIONS
    (message,) = stage.dead_letters()
    assert (message["record"], message["write"]) == (opened["data"]["order_id"], "Confirm")
    assert message["error"]["Error"] == "DynamoDB.ConditionalCheckFailedException"


def test_a_wish_to_cancel_is_heeded_by_the_last_write_and_all_is_undone(stage):
    opened = stage.open(Third="cancel")
    assert stage.run(opened) == "SUCCEEDED"
    assert stage.calls(opened) == [*ACTIONS, *(UNDO[action] for action in reversed(ACTIONS))]
    record = stage.record(opened)
    assert (record["state"], record["reason"], record["sequence"]) == ("CANCELLED", CANCELLED, "2")


def test_that_a_step_was_undone_before_is_not_tried_again_and_no_reason_to_tell(stage):
    opened = stage.open(Second="be late")
    assert stage.run(opened) == "SUCCEEDED"
    assert stage.calls(opened) == ["First", "Second", "UndoSecond", "UndoFirst"]
    record = stage.record(opened)
    assert (record["state"], record["reason"]) == ("UNDONE", TECHNICAL_FAILURE)
    assert record["explanation"] == "Second: AlreadyCompensated"


@pytest.mark.parametrize("fate", ["be late", "refuse", "crash"])
def test_who_takes_over_what_was_to_be_cancelled_cancels_it(stage, fate):
    opened = stage.open(Second=fate)
    stage.claim(opened, owner="dead", until=1)
    why = {"reason": "DuplicateOrder", "explanation": "the same as another"}
    stage.set_columns(opened, cancel_requested_at="now", **why)
    assert stage.run(opened) == "SUCCEEDED"
    record = stage.record(opened)
    assert record["state"] == "CANCELLED"
    assert {name: record[name] for name in why} == why


def test_a_refusal_comes_before_a_wish_to_cancel(stage):
    opened = stage.open(First="cancel", Third="refuse")
    assert stage.run(opened) == "SUCCEEDED"
    assert (stage.record(opened)["state"], stage.record(opened)["reason"]) == ("UNDONE", "Refused")


def test_without_anything_to_do_a_saga_only_undoes(stage):
    opened = stage.open()
    assert stage.withdraw(opened) == "SUCCEEDED"
    assert stage.calls(opened) == [UNDO[action] for action in reversed(ACTIONS)]
    record = stage.record(opened)
    assert (record["state"], record["reason"], record["sequence"]) == ("UNDONE", CANCELLED, "2")


@pytest.mark.parametrize("action", ACTIONS)
def test_what_has_left_for_good_is_kept_whole_whichever_step_fails(stage, action):
    opened = stage.open(**{action: "crash", "UndoThird": "be gone"})
    assert stage.leave(opened) == "SUCCEEDED"
    assert stage.calls(opened)[-1] == "UndoThird"
    assert not {"UndoFirst", "UndoSecond"} & set(stage.calls(opened))
    assert stage.record(opened)["state"] == "KEPT"


def test_what_may_have_left_and_has_not_is_undone_whole(stage):
    opened = stage.open(First="crash")
    assert stage.leave(opened) == "SUCCEEDED"
    assert stage.calls(opened)[-3:] == ["UndoThird", "UndoSecond", "UndoFirst"]
    assert stage.record(opened)["state"] == "UNDONE"


def test_whoever_cancels_a_record_says_why(stage):
    under_way, done = stage.open(Third="cancel"), stage.open()
    why = {"reason": "DuplicateOrder", "explanation": "the same as another"}
    for opened in (under_way, done):
        stage.set_columns(opened, **why)
    stage.run(under_way)
    stage.withdraw(done)
    for opened in (under_way, done):
        record = stage.record(opened)
        assert {name: record[name] for name in why} == why


def test_a_record_at_its_end_is_unfinished_no_more(stage):
    for script, over in (({}, False), ({"Second": "refuse"}, True), ({"Third": "cancel"}, True)):
        opened = stage.open(**script)
        assert "open_shard" in stage.record(opened)
        stage.run(opened)
        record = stage.record(opened)
        assert not {"open_shard", "check_after"} & record.keys()
        assert record.get("closed_shard") == (opened["data"]["order_id"][0] if over else None)


def test_an_array_of_one_reaches_the_action_as_an_array(stage, cloud):
    opened = stage.open()
    stage.run(opened)
    group = f"/aws/lambda/First-{stage._id}"
    logs = cloud.client("logs").filter_log_events(logGroupName=group)["events"]
    played = [
        json.loads(event["message"].removeprefix("played First "))
        for event in logs
        if event["message"].startswith("played First ")
    ]
    (mine,) = (p for p in played if p["order_id"] == opened["data"]["order_id"])
    assert mine["lines"] == ["only one"]

"""A record has one owner; a claim that expired is taken over."""

import pytest

from tests.support.saga_actors import ACTIONS, UNDO


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


def test_record_whose_claim_was_stolen_before_confirm_is_left_as_it_is(harness):
    opened = harness.open(Third="steal the claim")
    assert harness.run(opened) == "SUCCEEDED"
    assert harness.record(opened)["claim_owner"] == "somebody else"
    assert_left(harness, opened, state="OPEN")


@pytest.mark.parametrize(
    ("happens", "state"),
    [
        ("confirm", "DONE"),
        ("confirm, dispatch", "DISPATCHED"),
        ("confirm, withdraw", "WITHDRAWN"),
    ],
)
def test_answer_lost_at_confirm_then_dispatch_or_withdrawal_before_its_retry(
    harness, happens, state
):
    """The first attempt to confirm took effect, and the record went on: nobody is called."""
    opened = harness.open(Third=happens)
    assert harness.run(opened) == "SUCCEEDED"
    assert_left(harness, opened, state=state)


def assert_left(harness, opened, *, state):
    assert harness.calls(opened) == ACTIONS
    assert harness.dead_letters() == []
    assert harness.record(opened)["state"] == state


def test_record_that_cannot_be_claimed_is_left_open(harness):
    opened = harness.open()
    harness.set_columns(opened, claimed_by="no set of texts")
    before = harness.record(opened)
    assert harness.run(opened) == "FAILED"
    assert (harness.calls(opened), harness.dead_letters()) == ([], [])
    assert harness.record(opened) == before

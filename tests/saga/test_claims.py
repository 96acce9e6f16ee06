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

"""A cancellation that is on record stops the saga, and keeps its reason."""

import pytest

from lambdas.contracts.commands import CANCELLED
from tests.support.saga_actors import ACTIONS, UNDO


def test_cancellation_request_makes_the_last_write_undo_everything(harness):
    opened = harness.open(Third="cancel")
    assert harness.run(opened) == "SUCCEEDED"
    assert harness.calls(opened) == [*ACTIONS, *(UNDO[action] for action in reversed(ACTIONS))]
    record = harness.record(opened)
    assert (record["state"], record["reason"], record["sequence"]) == ("CANCELLED", CANCELLED, "2")


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

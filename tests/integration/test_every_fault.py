"""Every single fault and act at every task of the deployed state machines, in every story.

What `python -m simulation.every_fault --tasks` plays. The places are found in a story's own run:
a state that is added is tried without a change here.
"""

import pytest

from simulation import chance as kinds
from simulation.every_fault import singles
from simulation.stories import ACTS, DISPUTE, STORIES, Incident, Story, play_story

by_name = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)


@by_name
def test_story_without_faults_ends_as_it_says(story: Story) -> None:
    run = play_story(story)

    assert (run.ended in story.ends, run.problem, run.faults) == (True, "", [])


@by_name
def test_every_promise_holds_with_one_fault_or_act_at_any_task(story: Story) -> None:
    run = [play_story(story, plan) for plan in singles(story, tasks_only=True)]

    assert [f"{'; '.join(map(str, t.plan))}: {t.problem}" for t in run if t.problem] == []
    assert all(t.faults for t in run), "each is recorded where it happened"


def test_places_are_all_tasks_of_a_machine_that_an_order_passes() -> None:
    incidents = [incident for (incident,) in singles(STORIES[0], tasks_only=True)]

    tasks = {incident.id.partition(" #")[0] for incident in incidents}
    assert tasks == {
        "Fulfilment Claim",
        "Fulfilment ReserveStock",
        "Fulfilment TakePayment",
        "Fulfilment BookShipment",
        "Fulfilment Confirm",
    }
    tried = {incident.kind for incident in incidents}
    assert tried >= {*ACTS, kinds.THROTTLE, kinds.LOST, kinds.STOP}


def test_fault_that_lasts_is_there_until_its_time_is_over() -> None:
    incident = Incident("Fulfilment TakePayment #1", kinds.THROTTLE, lasts=True)

    run = play_story(STORIES[0], (incident,))

    times = [fault.at for fault in run.faults]
    assert len(times) > 2
    assert max(times) - min(times) < 900
    assert run.ended == "DISPATCHED"


def test_refused_refund_is_not_forgotten_when_its_dead_letter_cannot_be_sent() -> None:
    """The saga is deferred, and tries both again."""
    disputed = Incident("Withdrawal Claim #1", DISPUTE)
    unsent = Incident("Withdrawal DeadLetterRefundPayment #1", kinds.BEFORE, lasts=True)

    (withdrawn,) = [story for story in STORIES if story.name == "withdrawn, Standard"]

    run = play_story(withdrawn, (disputed, unsent))

    assert {fault.kind for fault in run.faults} == {DISPUTE, kinds.BEFORE}
    assert (run.ended, run.problem) == ("CANCELLED", "")

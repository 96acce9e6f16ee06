"""Pairs of incidents are merged when the second meets the same state, and only then."""

import pytest

from simulation import chance as kinds
from simulation.every_fault import longer, longer_by_one, met, share
from simulation.stories import CANCEL, STORIES, Incident, play_story

FIRST, LATER = "Fulfilment ReserveStock #1", Incident("Fulfilment Confirm #1", kinds.LOST)


def state_at(*plan: Incident) -> bytes:
    """Return a digest of the state that an incident at Confirm meets after a plan."""
    run = play_story(STORIES[0], plan, digests=True)
    ((_, meeting),) = met(run, [(*plan, LATER)])
    return meeting.state


def test_fault_that_is_over_leaves_the_state_of_a_run_without_it():
    assert state_at(Incident(FIRST, kinds.THROTTLE)) == state_at()


def test_faults_after_which_the_same_is_done_leave_one_state():
    before, throttle = (
        state_at(Incident(FIRST, kind, lasts=True)) for kind in (kinds.BEFORE, kinds.THROTTLE)
    )

    assert before == throttle


@pytest.mark.parametrize("lasts", [False, True])
def test_what_is_left_behind_is_another_state(lasts: bool):
    kind = kinds.THROTTLE if lasts else CANCEL

    assert state_at(Incident(FIRST, kind, lasts=lasts)) != state_at()


def test_customer_cancels_while_a_fault_lasts():
    place = "Fulfilment TakePayment"
    lasting = Incident(f"{place} #1", kinds.THROTTLE, lasts=True)
    retried = next(
        id_
        for id_, _ in play_story(STORIES[0], (lasting,)).decisions
        if id_.startswith(place) and id_ != lasting.id
    )

    run = play_story(STORIES[0], (lasting, Incident(retried, CANCEL)))

    assert (run.ended, run.problem) == ("CANCELLED", "")


def test_parts_have_each_plan_once():
    plans = [(STORIES[0], (Incident(f"a task #{n}", kinds.LOST),), None) for n in range(10)]

    parts = [share(plans, one_in=3, part=part) for part in range(3)]

    assert sorted(plan for part in parts for _, plan, _ in part) == [plan for _, plan, _ in plans]
    assert [len(part) for part in parts] == [4, 3, 3]


def test_third_incident_comes_after_a_pair():
    pair = (Incident(FIRST, kinds.THROTTLE), Incident("Fulfilment TakePayment #1", kinds.LOST))
    run = play_story(STORIES[0], pair)

    thirds = list(longer(run))
    triple = longer_by_one(run)

    assert triple and triple in thirds
    assert {plan[:2] for plan in thirds} == {pair}
    later = {id_ for id_, _ in run.decisions[run.index(pair[1]) + 1 :]}
    assert {plan[2].id for plan in thirds} <= later
    assert Incident("Fulfilment Confirm #1", kinds.LOST) in {plan[2] for plan in thirds}
    assert play_story(STORIES[0], triple).problem == ""

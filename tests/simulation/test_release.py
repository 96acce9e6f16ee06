"""A release whose sagas call functions by other names is deployed while an order's saga runs."""

from collections import Counter

import pytest

from simulation import chance as kinds
from simulation.functions import Function
from simulation.stories import STORIES, Incident, StoryRun, play_story


def released_at(place: str) -> StoryRun:
    return play_story(STORIES[0], (Incident(f"{place} #1", kinds.RELEASE),))


def texts(run: StoryRun) -> list[str]:
    return [note.text for note in run.notes]


@pytest.mark.parametrize("step", ["ReserveStock", "TakePayment", "BookShipment"])
def test_saga_that_began_before_is_deferred_and_the_next_one_calls_the_new_names(step: str):
    run = released_at(f"Fulfilment {step}")

    said = texts(run)
    assert any(text.startswith(f"Fulfilment:1 {step} failed: Lambda.AWSLambda") for text in said)
    assert f"Fulfilment:2 {step}" in said
    assert (run.ended, run.problem) == ("DISPATCHED", "")


def test_saga_that_begins_after_it_calls_the_new_names():
    run = released_at("run orders.place_order")

    assert not [text for text in texts(run) if "AWSLambdaException" in text]
    assert (run.ended, run.problem) == ("DISPATCHED", "")


def test_functions_get_new_environments(monkeypatch: pytest.MonkeyPatch):
    started, start = Counter[str](), Function._start
    monkeypatch.setattr(
        Function, "_start", lambda own, new: (started.update([own.short]), start(own, new))
    )
    play_story(STORIES[0])
    before = started.copy()
    started.clear()

    released_at("Fulfilment Confirm")

    assert before["orders.relay_outbox"] < started["orders.relay_outbox"]
    assert before["inventory.reserve_stock"] == started["inventory.reserve_stock"] == 1

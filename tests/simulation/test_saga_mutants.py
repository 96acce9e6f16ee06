"""A state machine that lost a choice breaks a promise in a story; an unchanged one does not."""

from typing import Any

from tests.mutation.stories import Stories

CHOICE = ("AnythingToUndo", "Choices", 0)


def lose_choice(states: Any) -> None:
    state, part, index = CHOICE
    del states[state][part][index]


def test_saga_that_lost_a_choice_breaks_a_promise():
    story = Stories().broken_by("Fulfilment", CHOICE, lose_choice)

    assert "promise 5" in story


def test_saga_as_it_is_breaks_none():
    assert Stories(most=2).broken_by("Fulfilment", CHOICE, lambda _: None) == ""

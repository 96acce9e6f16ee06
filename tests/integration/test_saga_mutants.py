"""A state machine that lost a choice breaks a promise in a story; an unchanged one does not."""

from typing import Any

import pytest

from tests.mutation.stories import Stories

CHOICE = ("AnythingToUndo", "Choices", 0)


def lose_choice(states: Any) -> None:
    state, part, index = CHOICE
    del states[state][part][index]


@pytest.mark.parametrize("express", [False, True])
def test_saga_that_lost_a_choice_breaks_a_promise(express: bool):
    story = Stories(express=express).broken_by("Fulfilment", CHOICE, lose_choice)

    assert ("promise 5" in story, ", Express;" in story) == (True, express)


def test_saga_as_it_is_breaks_none():
    assert Stories(most=2).broken_by("Fulfilment", CHOICE, lambda _: None) == ""

"""An explicit-state search: it visits every state to which some order of moves leads.

It goes breadth first, so the moves that it prints for a problem are the fewest that lead to it.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

S = TypeVar("S", bound=Hashable)


class Move(NamedTuple, Generic[S]):
    """Something that can happen in a state, in words, and the state after it."""

    text: str
    after: S
    progress: bool = True
    """Whether it happens some time if it stays possible. A fault or a customer's act need not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explored(Generic[S]):
    """The result of a search. Without a problem it visited all states."""

    states: int
    moves: int
    problem: str = ""
    journey: tuple[str, ...] = ()
    """The fewest moves that lead to the problem."""


def explore(
    starts: Iterable[S],
    moves: Callable[[S], Iterable[Move[S]]],
    *,
    problem_of: Callable[[S], str],
    is_end: Callable[[S], bool],
) -> Explored[S]:
    """Visit all states; stop at the first for which ``problem_of`` returns one.

    A state from which progress alone cannot lead to an end is a problem, too: a deadlock, or a
    circle without a way out.
    """
    states = list(dict.fromkeys(starts))
    known = {state: number for number, state in enumerate(states)}
    origins: list[tuple[int, str]] = [(-1, "")] * len(states)
    earlier: list[list[int]] = [[] for _ in states]
    goes_on = set[int]()
    made = 0

    def found(number: int, problem: str) -> Explored[S]:
        journey = []
        while number >= 0:
            number, text = origins[number]
            journey.append(text)
        return Explored(
            states=len(states),
            moves=made,
            problem=problem,
            journey=tuple(text for text in reversed(journey) if text),
        )

    for number, state in enumerate(states):  # The list grows.
        if problem := problem_of(state):
            return found(number, problem)
        for move in moves(state):
            made += 1
            to = known.setdefault(move.after, len(states))
            if to == len(states):
                states.append(move.after)
                origins.append((number, move.text))
                earlier.append([])
            if move.progress and to != number:
                earlier[to].append(number)
                goes_on.add(number)
    ending = [number for number, state in enumerate(states) if is_end(state)]
    can_end = set(ending)
    while ending:
        more = [number for number in earlier[ending.pop()] if number not in can_end]
        can_end.update(more)
        ending += more
    if lost := [number for number in range(len(states)) if number not in can_end]:
        # Where nothing can happen any more, rather than where that became certain.
        return found(next((n for n in lost if n not in goes_on), lost[0]), "it never ends")
    return Explored(states=len(states), moves=made)

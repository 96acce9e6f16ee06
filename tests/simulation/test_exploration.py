"""The search through all states."""

from collections.abc import Iterator

from simulation.exploration import Move, explore


def count(to: int) -> Iterator[Move[int]]:
    """Count up to four, or jump to ten; from ten nothing leads on but a fault."""
    if to < 4:
        yield Move("one more", to + 1)
        yield Move("jump", 10, progress=False)
    if to == 10:
        yield Move("fault", 4, progress=False)


def test_all_states_are_visited_once() -> None:
    found = explore([0], count, problem_of=lambda _: "", is_end=lambda n: n in (4, 10))

    assert (found.states, found.moves, found.problem) == (6, 9, "")


def test_problem_is_shown_with_the_fewest_moves_to_it() -> None:
    found = explore([0], count, problem_of=lambda n: "ten" if n == 10 else "", is_end=bool)

    assert (found.problem, found.journey) == ("ten", ("jump",))


def test_state_from_which_only_a_fault_leads_to_an_end_is_a_problem() -> None:
    found = explore([0], count, problem_of=lambda _: "", is_end=lambda n: n == 4)

    assert (found.problem, found.journey) == ("it never ends", ("jump",))


def test_circle_without_a_way_out_is_a_problem() -> None:
    def turn(state: int) -> Iterator[Move[int]]:
        yield Move("turn", 1 - state)

    found = explore([0], turn, problem_of=lambda _: "", is_end=lambda n: n == 4)

    assert found.problem == "it never ends"

"""The model of one order: its small bounds, and known bugs that it has to find there.

`make model` explores larger bounds; `python -m simulation.mutants --model` tries all known bugs.
"""

import re
from collections.abc import Iterator

import pytest

from simulation.exploration import Move, explore
from simulation.mutants import explore_model
from simulation.order_model import CONSUMERS, OrderModel
from simulation.order_rules import is_end, problem_of, starts
from simulation.order_world import World
from simulation.pure_handlers import PureHandlers
from simulation.saga_walk import STEPS


@pytest.fixture(scope="module")
def model() -> Iterator[OrderModel]:
    handlers = PureHandlers()
    with handlers.installed():
        yield OrderModel(handlers, executions=2)


@pytest.mark.parametrize(
    ("faults", "disputes", "more_than"),
    [
        pytest.param(0, 1, 5_000, id="a dispute"),
        pytest.param(1, 0, 15_000, id="a fault"),
    ],
)
def test_every_promise_holds_with_this_and_a_cancellation_at_any_moment(
    model: OrderModel, faults: int, disputes: int, more_than: int
) -> None:
    found = explore(
        starts(faults=faults, cancellations=1, disputes=disputes),
        model.moves,
        problem_of=problem_of,
        is_end=is_end,
    )

    assert (found.problem, found.journey) == ("", ())
    assert found.states > more_than


def test_every_event_and_every_answer_of_an_action_is_seen(model: OrderModel) -> None:
    texts = set[str]()

    def moves(world: World) -> Iterator[Move[World]]:
        for move in model.moves(world):
            texts.add(move.text)
            yield move

    explore(
        starts(faults=0, cancellations=0, disputes=1),
        moves,
        problem_of=problem_of,
        is_end=is_end,
    )

    reached = {f"{event} reaches {each}" for event, found in CONSUMERS.items() for each in found}
    assert reached <= texts
    refusals = {"OutOfStock", "PaymentDeclined", "AddressUndeliverable"}
    assert refusals <= {text.rpartition(": ")[2] for text in texts}


@pytest.mark.parametrize(
    ("name", "at_most"),
    [
        ("a cancellation during the saga is confirmed over", 5 + len(STEPS)),
        (
            "a failed cancellation of a shipment does not stop the other compensations",
            8 + 2 * len(STEPS),
        ),
    ],
)
def test_known_bug_is_found_in_few_moves(name: str, at_most: int) -> None:
    found, last_line = explore_model(name)

    assert found
    moves = re.search(r" broken in (\d+) moves: ", last_line)
    assert moves is not None
    assert 3 < int(moves[1]) <= at_most

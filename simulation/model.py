"""Explore the model of one order: every order of everything that can happen to it.

`python -m simulation.model --faults 2` prints how many states there are, or how a promise is
broken, in the fewest moves. It ends with 1 if one was.
"""

import sys
import time
from argparse import ArgumentParser

from simulation.known_bugs import MUTANTS
from simulation.mutants import Finder


def main() -> int:
    """Explore what the arguments say; return the exit code."""
    parser = ArgumentParser(prog="python -m simulation.model", description=__doc__)
    parser.add_argument("--executions", type=int, default=2, help="at once, at most")
    parser.add_argument("--faults", type=int, default=1, help="how many things go wrong")
    parser.add_argument("--cancellations", type=int, default=1, help="how often it is cancelled")
    parser.add_argument("--disputes", type=int, default=1, help="how often it is held")
    parser.add_argument(
        "--mutants", type=int, nargs="+", default=[], help="put these known bugs of the list back"
    )
    arguments = parser.parse_args()
    sys.meta_path.insert(0, Finder(*(MUTANTS[number] for number in arguments.mutants)))
    # Imported only here: a module that was imported before would not have the mutant.
    from simulation.exploration import explore
    from simulation.order_model import OrderModel
    from simulation.order_rules import is_end, problem_of, starts
    from simulation.pure_handlers import PureHandlers

    began = time.monotonic()
    handlers = PureHandlers()
    first = starts(
        faults=arguments.faults,
        cancellations=arguments.cancellations,
        disputes=arguments.disputes,
    )
    with handlers.installed():
        model = OrderModel(handlers, executions=arguments.executions)
        found = explore(first, model.moves, problem_of=problem_of, is_end=is_end)
    for number, text in enumerate(found.journey, 1):
        print(f"{number:4}  {text}")
    took = time.monotonic() - began
    result = f"broken in {len(found.journey)} moves: {found.problem}" if found.problem else ""
    print(
        f"{found.states:,} states, {found.moves:,} moves, {took:.1f} s: "
        + (result or "every promise held, and an end can be reached from each")
    )
    return 1 if found.problem else 0


if __name__ == "__main__":
    sys.exit(main())

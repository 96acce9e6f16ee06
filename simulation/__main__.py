"""Run seeds of the simulation.

`python -m simulation --seed 7` runs one and prints all that happens. With `--seeds 500 --from
1234` it plays many; of each that breaks a promise it prints the order's journey, with the fewest
faults that do. The last line is a summary. It ends with 1 if a promise was broken.
"""

import sys
from argparse import ArgumentParser

from simulation.known_bugs import MUTANTS
from simulation.mutants import Finder


def main() -> int:
    """Run the seeds that the arguments name; return the exit code."""
    parser = ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="play this seed, and print all that happens")
    parser.add_argument("--seeds", type=int, default=500, help="how many to play")
    parser.add_argument("--from", type=int, default=1, dest="first", help="the first of them")
    parser.add_argument("--jobs", type=int, default=2, help="how many to play at once")
    parser.add_argument("--stop", action="store_true", help="end with the first that fails")
    parser.add_argument("--no-shrink", action="store_true", help="print failing runs as they are")
    parser.add_argument("--mutant", type=int, help="put a known bug back: see simulation.mutants")
    arguments = parser.parse_args()
    if arguments.seeds < 1:
        parser.error("--seeds: at least one is needed to say anything")
    if arguments.mutant is not None:
        sys.meta_path.insert(0, Finder(MUTANTS[arguments.mutant]))
    # Imported only here: a module that was imported before would not have the mutant.
    from simulation.processes import end_tidily_on_signals
    from simulation.seeds import play_many, play_one

    end_tidily_on_signals()

    if arguments.seed is not None:
        return play_one(arguments.seed)
    return play_many(
        range(arguments.first, arguments.first + arguments.seeds),
        jobs=arguments.jobs,
        stop=arguments.stop,
        shrinks=not arguments.no_shrink,
    )


if __name__ == "__main__":
    sys.exit(main())

"""Known bugs that are put back in. The simulation has to find each within a thousand seeds.

`python -m simulation.mutants` runs them one after another and prints after how many seeds each
broke a promise; with names, only those. With `--model` it explores the model of one order instead,
and prints how many moves break a promise. It ends with 1 if one was not found.
"""

import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from simulation.known_bugs import MUTANTS
from simulation.mutant import BY_MODEL, BY_SEEDS, Mutant

ROOT = Path(__file__).resolve().parents[1]
SEEDS = 1_000
BOUNDS = ("--cancellations 1 --disputes 0", "--faults 0 --cancellations 0 --disputes 2")
"""The bounds within which the model has to find a mutant."""


class _Loader(SourceFileLoader):
    """Loads a module with guards replaced."""

    def __init__(self, mutants: Sequence[Mutant], spec: ModuleSpec) -> None:
        super().__init__(spec.name, str(spec.origin))
        self._mutants = mutants

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the changed source's code; raise ValueError if it lacks a guard."""
        source = self.get_data(self.path).decode()
        for mutant in self._mutants:
            if mutant.guard not in source:
                raise ValueError(f"{fullname} has no {mutant.guard!r}: change the mutant too")
            source = source.replace(mutant.guard, mutant.instead)
        return compile(source, self.path, "exec", dont_inherit=True)


class Finder(MetaPathFinder):
    """Finds the modules of mutants."""

    def __init__(self, *mutants: Mutant) -> None:
        self._mutants = mutants

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the changed module's spec; None for any other module."""
        own = [mutant for mutant in self._mutants if mutant.module == fullname]
        spec = PathFinder.find_spec(fullname, path, target) if own else None
        if spec:
            spec.loader = _Loader(own, spec)
        return spec


def main() -> int:
    """Run the mutants that the arguments name; return the exit code."""
    parser = ArgumentParser(prog="python -m simulation.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="words of a mutant's name (default: all)")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many seeds each gets")
    parser.add_argument("--model", action="store_true", help="explore the model instead of seeds")
    arguments = parser.parse_args()
    by = BY_MODEL if arguments.model else BY_SEEDS
    chosen = [
        (number, mutant)
        for number, mutant in enumerate(MUTANTS)
        if by in mutant.found_by or (arguments.model and not mutant.found_by)
        if not arguments.names or any(name in mutant.name for name in arguments.names)
    ]
    if not chosen:
        parser.error(f"no mutant's name has {' or '.join(arguments.names)}")
    as_said = 0
    for number, mutant in chosen:
        found, outcome = (
            explore_model(mutant.name) if arguments.model else _play(number, arguments.seeds)
        )
        as_said += found == bool(mutant.found_by)
        print(f"{mutant.name}: {outcome}", flush=True)
    print(f"{as_said} of {len(chosen)} mutants were found, or broke nothing, as the list says")
    return 0 if as_said == len(chosen) else 1


def _play(number: int, seeds: int) -> tuple[bool, str]:
    """Play seeds with a mutant; return whether a promise was broken, and what was printed."""
    arguments = ["--mutant", str(number), "--no-shrink", "--seeds", str(seeds), "--stop"]
    ran = _run("simulation", *arguments, "--jobs", "1")
    broken = ran.returncode == 1 and " seeds from " in ran.stdout
    lines = [line for line in ran.stdout.splitlines() if line.startswith("seed ")]
    failure = "not found" if ran.returncode == 0 else ran.stderr
    return broken, f"found by {lines[-1]}" if broken and lines else failure


def explore_model(name: str) -> tuple[bool, str]:
    """Explore the model with a mutant, within all bounds or until a promise is broken.

    Return whether one was broken, and the last line of the output.
    """
    number, last = next(n for n, mutant in enumerate(MUTANTS) if mutant.name == name), ""
    for bounds in BOUNDS:
        ran = _run("simulation.model", "--mutants", str(number), *bounds.split())
        if ran.returncode not in (0, 1) or " states, " not in ran.stdout:
            raise ValueError(ran.stderr)
        last = ran.stdout.splitlines()[-1]
        if ran.returncode:
            return True, last
    return False, last


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main())

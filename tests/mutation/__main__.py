"""``python -m tests.mutation orders inventory``: mutate these services, or all.

It prints each mutant that no test catches, unless ``survivors.json`` has a reason for it, and a
summary as the last line. It ends with 1 if there is a survivor without a reason.
"""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Container
from functools import partial
from pathlib import Path

import pytest

from tests.mutation.operators import mutants_of, unchanged
from tests.mutation.plugin import ENDLESS, Mutation, Result
from tests.support.modules import modules

SURVIVORS = Path(__file__).with_name("survivors.json")
TESTS = ("tests/unit", "tests/contracts", "tests/abuse")
QUIET: tuple[str, ...] = ("-o", "addopts=", "-p", "no:cacheprovider", "-p", "no:terminal")
# It judges templates. Its workers' threads do not live on in the child process of a mutant.
LEFT_OUT = ("--ignore", "tests/abuse/test_wiring.py")


def main() -> int:
    """Run the mutants of what the arguments name; return the exit code."""
    parser = ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("only", nargs="*", help="parts of modules' paths (default: all)")
    parser.add_argument("--one-in", type=int, default=1, help="only every n-th mutant")
    parser.add_argument("--tests", nargs="*", default=TESTS, help="where the tests are")
    parser.add_argument("--unchanged", action="store_true", help="change nothing")
    given = parser.parse_args()
    paths = [
        path
        for path in modules("lambdas", "workers")
        if not given.only or any(f"/{part}" in f"/{path.as_posix()}" for part in given.only)
    ]
    make = unchanged if given.unchanged else mutants_of
    mutants = [mutant for path in paths for mutant in make(path)][:: given.one_in]
    reasons: dict[str, str] = json.loads(SURVIVORS.read_text())
    run = Mutation(mutants, partial(report, reasons))
    pytest.main([*QUIET, *LEFT_OUT, *given.tests], plugins=[run])
    survivors = [result for result in run.results if not result.caught_by]
    unexplained = [each for each in survivors if each.mutant.name not in reasons]
    all_, caught = len(run.results), len(run.results) - len(survivors)
    endless = sum(result.caught_by == ENDLESS for result in run.results)
    sys.stdout.write(
        f"{all_} mutants of {len(paths)} modules ({endless} do not end): "
        f"{caught} caught, {all_ - caught} survived, {len(unexplained)} of these without a reason\n"
    )
    return 1 if unexplained or not run.results else 0


def report(reasons: Container[str], result: Result) -> None:
    """Print a survivor, as soon as it is known, unless there is a reason for it."""
    if result.caught_by or result.mutant.name in reasons:
        return
    reach = f"survived {result.reached} tests" if result.reached else "no test reaches it"
    sys.stdout.write(f"{result.mutant.name} (line {result.mutant.line}): {reach}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

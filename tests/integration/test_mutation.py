"""Mutants of chosen modules are caught; an unchanged one, or one without tests, is not."""

import subprocess
import sys

import pytest

from tests.support.modules import ROOT

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="what a test reaches is known from Python 3.12 on"
)
CHOSEN = ("lambdas/shipping/domain", "lambdas/runtime/relay")
THEIR_TESTS = ("tests/unit/shipping", "tests/unit/runtime/test_relay.py")


def mutation(*arguments: str, tests: tuple[str, ...] = THEIR_TESTS) -> tuple[int, str]:
    """Run the mutants; return the exit code and the last line."""
    command = [sys.executable, "-m", "tests.mutation", *arguments, "--tests", *tests]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return ran.returncode, (ran.stdout.splitlines() or [ran.stderr])[-1]


def test_each_guard_of_the_chosen_modules_is_missed():
    code, summary = mutation(*CHOSEN)

    assert (code, summary.partition(": ")[2].partition(", ")[2]) == (
        0, "0 survived, 0 of these without a reason",
    )  # fmt: skip
    assert int(summary.split()[0]) > 30


def test_unchanged_code_is_not_caught():
    code, summary = mutation("lambdas/shipping/domain", "--unchanged")

    assert (code, ": 0 caught, " in summary) == (1, True)


def test_mutant_of_a_handler_that_each_test_imports_again_is_caught():
    handler = "orders/answer_status_query"
    code, summary = mutation(
        handler, tests=(f"tests/integration/{handler.replace('/', '/test_')}.py",)
    )

    assert (code, ", 0 survived, " in summary) == (0, True)


def test_mutant_that_no_test_reaches_survives():
    code, summary = mutation("lambdas/shipping/domain", tests=("tests/unit/catalog",))

    assert (code, ": 0 caught, " in summary) == (1, True)

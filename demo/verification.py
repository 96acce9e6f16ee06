"""Verification of all promises, when a run's work is done."""

from collections.abc import Callable, Sequence

from demo import duplicates, invariant_checks, notifications, purchasing, read_side
from demo.duplicates import Duplicates
from demo.invariants import Check, Violation, find_violations
from demo.run import Run
from demo.waiting import STALL_TIMEOUT, wait_until_none

CHECKS = (
    *invariant_checks.CHECKS,
    *invariant_checks.QUIESCENT_CHECKS,
    *read_side.CHECKS,
    *notifications.CHECKS,
    *purchasing.CHECKS,
    *duplicates.CHECKS,
)


def verify(
    run: Run,
    repeated: Duplicates,
    *,
    checks: Sequence[Check] = CHECKS,
    is_counted: Callable[[Violation], bool] = lambda _: True,
    missing: Callable[[], int] = lambda: 0,
    stall: float = STALL_TIMEOUT,
) -> list[Violation]:
    """Return the violations of the promises that remain, as views and logs lag a little.

    Args:
        run: The run, whose records are gathered again each time.
        repeated: Its duplicates.
        checks: What must hold.
        is_counted: Whether a violation is one.
        missing: How much else is still to come.
        stall: For how many seconds to go on without progress.
    """
    found: list[Violation] = []

    def violations() -> int:
        run.snapshot.gather()
        run.snapshot.gather_dead_letters()
        run.snapshot.gather_events()
        run.read_side.gather()
        run.notifications.gather()
        repeated.gather()
        found[:] = filter(is_counted, find_violations(run.database, checks))
        return len(found) + missing()

    wait_until_none(violations, stall=stall)
    return found

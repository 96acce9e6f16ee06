"""Shrinking: find few faults with which a seed still breaks the same promise."""

from collections.abc import Sequence

from simulation.chance import Fault
from simulation.run import Result, run

MAX_RUNS = 150


def shrink(failing: Result) -> Result:
    """Return a run of the seed with as few of its faults as still break the promise.

    Parts of the faults are left out, smaller ones each time, as long as the promise still breaks.
    Without a fault, a run may meet other faults; these are then tried, too.
    """
    best, left_out = failing, frozenset[str]()
    runs, size = 0, max(1, len(failing.faults) // 2)
    while runs < MAX_RUNS:
        smaller = None
        for part in _parts(best.faults, size):
            tried = left_out | {fault.id for fault in part}
            result = run(failing.seed, without=tried)
            runs += 1
            if result.promise == failing.promise and len(result.faults) < len(best.faults):
                smaller, left_out = result, tried
                break
            if runs >= MAX_RUNS:
                break
        if smaller:
            best = smaller
            size = min(size, max(1, len(best.faults) // 2))
        elif size == 1:
            break
        else:
            size = max(1, size // 2)
    return best


def _parts(faults: Sequence[Fault], size: int) -> list[Sequence[Fault]]:
    return [faults[start : start + size] for start in range(0, len(faults), size)]

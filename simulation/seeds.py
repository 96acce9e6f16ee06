"""Runs one seed, or many, and prints the results."""

import gc
import sys
import time
from collections import Counter
from collections.abc import Iterator

from simulation import processes
from simulation.journey import of_order
from simulation.run import Result, run
from simulation.shrink import shrink
from simulation.templates import synthesized

CHUNK = 10


def play_one(seed: int) -> int:
    """Run a seed and print all that happens; return 1 if it broke a promise."""
    result = run(seed)
    for note in result.notes:
        print(note)
    ended = ", ".join(f"{n} {state.lower()}" for state, n in sorted(result.orders.items()))
    print(
        f"seed {seed}: {ended}; {len(result.faults)} faults, {result.hours:.0f} hours, digest "
        f"{result.digest}: {result.problem or 'every promise held'}"
    )
    return 1 if result.promise else 0


def play_many(seeds: range, *, jobs: int, stop: bool, shrinks: bool) -> int:
    """Run seeds; print those that break a promise, then a summary. Return 1 if any did.

    With ``stop`` it ends at the first failure. With ``shrinks`` it shows a failure with few faults.
    """
    began = time.monotonic()
    orders, faults, broken = Counter[str](), Counter[str](), list[int]()
    count = steps = limited = admitted = 0
    for result in _results(seeds, jobs):
        count += 1
        steps += result.steps
        limited, admitted = limited + result.limited, admitted + result.admitted
        orders.update(result.orders)
        faults.update(fault.kind for fault in result.faults)
        if result.promise:
            broken.append(result.seed)
            _print_failure(shrink(result) if shrinks else result)
            if stop:
                break
    rate = count / (time.monotonic() - began)
    ended = ", ".join(f"{n} {state.lower()}" for state, n in sorted(orders.items()))
    print("faults: " + ", ".join(f"{n} {kind}" for kind, n in faults.most_common()))
    print(f"{limited} orders refused at a customer's limit, {admitted} of them accepted later")
    print(
        f"{count} seeds from {seeds.start}, {orders.total()} orders ({ended}), {faults.total()} "
        f"faults, {steps} steps, {rate:.1f} seeds a second: "
        + (f"{len(broken)} broken: {broken}" if broken else "every promise held")
    )
    return 1 if broken else 0


def _results(seeds: range, jobs: int) -> Iterator[Result]:
    for express in (False, True):
        synthesized(express=express)  # Synthesized once, before other processes are forked.
    gc.freeze()  # Whatever is there by now stays: no collection of garbage has to look at it.
    if jobs == 1:
        yield from map(run, seeds)
        return
    with processes.pool(jobs) as pool:
        yield from pool.map(run, seeds, chunksize=CHUNK)


def _print_failure(result: Result) -> None:
    about = f" (order {result.order_id[:6]})" if result.order_id else ""
    print(f"\nseed {result.seed}: {result.problem}{about}")
    for note in of_order(result.notes, result.order_id):
        print(f"  {note}")
    sys.stdout.flush()

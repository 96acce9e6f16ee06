"""Play seeds of the simulation.

`python -m simulation --seed 7` plays one and prints its orders' journeys. With `--seeds 500 --from
1234` it plays many; of each that breaks a promise it prints the journey with the fewest faults that
do. The last line is a summary. It ends with 1 if a promise was broken.
"""

import sys
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from simulation.journey import of_order
from simulation.run import Result, run
from simulation.shrink import shrink
from simulation.templates import synthesized

CHUNK = 10


def main() -> int:
    """Play what the arguments say."""
    parser = ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="play this seed, and print all that happens")
    parser.add_argument("--seeds", type=int, default=100, help="how many to play")
    parser.add_argument("--from", type=int, default=1, dest="first", help="the first of them")
    parser.add_argument("--jobs", type=int, default=2, help="how many to play at once")
    parser.add_argument("--stop", action="store_true", help="end with the first that fails")
    parser.add_argument("--no-shrink", action="store_true", help="print failing runs as they are")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        return _play_one(arguments.seed)
    began = time.monotonic()
    orders, faults, broken, steps, count = Counter[str](), Counter[str](), [], 0, 0
    for result in _play_many(
        range(arguments.first, arguments.first + arguments.seeds), arguments.jobs
    ):
        count += 1
        orders.update(result.orders)
        faults.update(fault.kind for fault in result.faults)
        steps += result.steps
        if result.promise:
            broken.append(result.seed)
            _print_failure(result if arguments.no_shrink else shrink(result))
            if arguments.stop:
                break
    seconds = time.monotonic() - began
    print("faults: " + ", ".join(f"{kind} {n}" for kind, n in faults.most_common()))
    print(
        f"{count} seeds from {arguments.first}, {orders.total()} orders "
        f"({', '.join(f'{n} {state.lower()}' for state, n in sorted(orders.items()))}), "
        f"{faults.total()} faults, {steps} steps, {count / seconds:.1f} seeds a second: "
        + (f"{len(broken)} broken: {broken}" if broken else "every promise held")
    )
    return 1 if broken else 0


def _play_one(seed: int) -> int:
    result = run(seed)
    for note in result.notes:
        print(note)
    print(
        f"seed {seed}: {dict(result.orders)}, {len(result.faults)} faults, "
        f"{result.hours:.0f} hours, {result.digest}: {result.problem or 'every promise held'}"
    )
    return 1 if result.promise else 0


def _play_many(seeds: range, jobs: int) -> Iterator[Result]:
    if jobs == 1:
        yield from map(run, seeds)
        return
    for express in (False, True):
        synthesized(express=express)  # Once, before the processes part.
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(run, seeds, chunksize=CHUNK)


def _print_failure(result: Result) -> None:
    print(f"\nseed {result.seed}: {result.problem} (order {result.order_id[:6] or '?'})")
    for note in of_order(result.notes, result.order_id):
        print(f"  {note}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

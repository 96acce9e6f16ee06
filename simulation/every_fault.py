"""Every fault at every place of every story: one at a time, or two.

`python -m simulation.every_fault` plays each story once with each single fault and act. With
`--pairs` it plays each with every two of them at the tasks of the state machines, where the second
is also any that can happen only because of the first. With `--one-in 10` it takes a tenth. The last
line is a summary. It ends with 1 if a promise was broken.
"""

import sys
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import chain
from zlib import crc32

from simulation import processes
from simulation.stories import STORIES, Plan, Story, StoryRun, places, play_story
from simulation.templates import synthesized


def main() -> int:
    """Play what the arguments say."""
    parser = ArgumentParser(prog="python -m simulation.every_fault", description=__doc__)
    parser.add_argument("--pairs", action="store_true", help="two things in each run")
    parser.add_argument("--tasks", action="store_true", help="only at tasks of state machines")
    parser.add_argument("--one-in", type=int, default=1, help="take one run in so many")
    parser.add_argument("--story", default="", help="only stories with this in their name")
    parser.add_argument("--jobs", type=int, default=2, help="how many to play at once")
    arguments = parser.parse_args()
    processes.end_tidily_on_signals()
    stories = [story for story in STORIES if arguments.story in story.name]
    for express in (False, True):
        synthesized(express=express)  # Once, before the processes part.
    began, broken = time.monotonic(), 0
    kinds, ends = Counter[str](), Counter[str]()
    with processes.pool(arguments.jobs) as pool:
        for run in _runs(pool, stories, arguments.pairs, arguments.tasks, arguments.one_in):
            kinds.update(incident.kind for incident in run.plan)
            ends[run.ended] += 1
            if run.problem:
                broken += 1
                _print_problem(run)
    rate = ends.total() / (time.monotonic() - began)
    print("incidents: " + ", ".join(f"{n} {kind}" for kind, n in kinds.most_common()))
    print("ends: " + ", ".join(f"{n} {end}" for end, n in ends.most_common()))
    print(
        f"{len(stories)} stories, {ends.total()} runs, {rate:.1f} a second: "
        + (f"{broken} broken" if broken else "every promise held")
    )
    return 1 if broken else 0


def singles(story: Story, *, tasks_only: bool = False) -> list[Plan]:
    """Return each plan of one thing in a story."""
    return [(incident,) for incident in places(play_story(story), tasks_only=tasks_only)]


def pairs(first: StoryRun) -> Iterator[Plan]:
    """Yield each plan of the one incident of a run, and another that comes after it."""
    (incident,) = first.plan
    before = {id_ for id_, _ in first.decisions[: first.index(incident)]}
    for second in places(first, tasks_only=True):
        if second.id not in before and second.id != incident.id:
            yield (incident, second)


def share(plans: Iterable[Plan], *, one_in: int) -> list[Plan]:
    """Return one in so many plans: the same ones each time."""
    return [plan for plan in plans if crc32(str(plan).encode()) % one_in == 0]


def _runs(
    pool: ProcessPoolExecutor, stories: list[Story], in_pairs: bool, tasks_only: bool, one_in: int
) -> Iterator[StoryRun]:
    """Play all stories with all plans that are taken, in several processes."""
    for story in stories:
        # Not in this process: those that begin after it would share its database connection.
        plans = pool.submit(singles, story, tasks_only=tasks_only or in_pairs).result()
        if in_pairs:
            function = partial(_play_pairs, story, one_in)
            yield from chain.from_iterable(pool.map(function, plans))
        else:
            taken = share(plans, one_in=one_in)
            yield from pool.map(partial(play_story, story), taken, chunksize=8)


def _play_pairs(story: Story, one_in: int, plan: Plan) -> list[StoryRun]:
    plans = share(pairs(play_story(story, plan)), one_in=one_in)
    return [play_story(story, both) for both in plans]


def _print_problem(run: StoryRun) -> None:
    """Print a run that broke a promise, with all that happened in it."""
    print(f"\n{run.story.name}; {'; '.join(map(str, run.plan))}: {run.problem}")
    for note in run.notes:
        print(f"  {note}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

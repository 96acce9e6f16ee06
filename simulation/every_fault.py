"""Every fault at every place of every story: one at a time, two, or some of three.

`python -m simulation.every_fault` plays each story once with each single fault and act. With
`--pairs` it plays each with every two of them at the tasks of the state machines, where the second
is also any that can happen only because of the first. Pairs whose second meets a state that another
pair's, or a single one, has met are merged: one of them is played. `--merged` plays what was merged
and what stands for it, and compares how the order ends. `--triples` plays one of the things that
can come after each pair. With `--one-in 10` it takes a tenth, with `--part 3` another tenth, and
with `--minutes 30` what can be played in that time, spread over all. The last line is a summary.
It ends with 1 if a promise was broken, or nothing was played.
"""

import sys
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import NamedTuple
from zlib import crc32

from simulation import processes
from simulation.stories import OF_THE_ORDER, STORIES, Plan, Story, StoryRun, places, play_story
from simulation.templates import synthesized


class Meeting(NamedTuple):
    """What the last incident of a plan meets. What comes after it is the same in each plan."""

    state: bytes
    """A digest of the world's state."""
    place: str
    kind: str
    lasts: bool
    acted: bool
    """Whether somebody acts in the plan, so that the order may end otherwise than its story."""


Taken = tuple[Story, Plan, Plan | None]
"""A story, a plan to play, and perhaps one with which it was merged."""


def main() -> int:
    """Play what the arguments say."""
    parser = ArgumentParser(prog="python -m simulation.every_fault", description=__doc__)
    parser.add_argument("--pairs", action="store_true", help="two things in each run")
    parser.add_argument("--triples", action="store_true", help="a third thing after each pair")
    parser.add_argument("--tasks", action="store_true", help="only at tasks of state machines")
    parser.add_argument("--merged", action="store_true", help="compare pairs that were merged")
    parser.add_argument("--one-in", type=int, default=1, help="take one run in so many")
    parser.add_argument("--part", type=int, default=0, help="which of these parts, from 0")
    parser.add_argument("--minutes", type=float, default=1e6, help="begin no run after these")
    parser.add_argument("--kind", default="", help="only runs with an incident of this kind")
    parser.add_argument("--story", default="", help="only stories with this in their name")
    parser.add_argument("--jobs", type=int, default=2, help="how many to play at once")
    arguments = parser.parse_args()
    stories = [story for story in STORIES if arguments.story in story.name]
    if not stories:
        parser.error(f"--story: none of {', '.join(story.name for story in STORIES)}")
    processes.end_tidily_on_signals()
    for express in (False, True):
        synthesized(express=express)  # Once, before the processes part.
    broken, kinds, ends = 0, Counter[str](), Counter[str]()
    with processes.pool(arguments.jobs) as pool:
        plans = list[Taken]()
        for story in stories:
            # Not in this process: those that begin after it would share its database connection.
            if arguments.pairs or arguments.triples:
                plans += _pairs(pool, story, merged=arguments.merged)
            else:
                found = pool.submit(singles, story, tasks_only=arguments.tasks)
                plans += [(story, plan, None) for plan in found.result()]
        plans = [taken for taken in plans if not arguments.kind or has(taken, arguments.kind)]
        plans = share(plans, one_in=arguments.one_in, part=arguments.part)
        began = time.monotonic()
        until = began + 60 * arguments.minutes
        play = partial(_play, until, triples=arguments.triples)
        for run in pool.map(play, plans, chunksize=8):
            if run is None:
                continue
            kinds.update(incident.kind for incident in run.plan)
            ends[run.ended] += 1
            if run.problem:
                broken += 1
                _print_problem(run)
    rate = ends.total() / (time.monotonic() - began)
    print("incidents: " + ", ".join(f"{n} {kind}" for kind, n in kinds.most_common()))
    print("ends: " + ", ".join(f"{n} {end}" for end, n in ends.most_common()))
    print(
        f"{len(stories)} stories, {ends.total():,} of {len(plans):,} runs, {rate:.1f} a second: "
        + (f"{broken} broken" if broken else "every promise held" if ends else "none was played")
    )
    return 1 if broken or not ends else 0


def singles(story: Story, *, tasks_only: bool = False) -> list[Plan]:
    """Return each plan of one thing in a story."""
    return [(incident,) for incident in places(play_story(story), tasks_only=tasks_only)]


def longer(run: StoryRun) -> Iterator[Plan]:
    """Yield each plan of a run's incidents, and another at a task that comes after them."""
    last = run.plan[-1]
    before = {id_ for id_, _ in run.decisions[: run.index(last)]}
    for incident in places(run, tasks_only=True):
        if incident.id not in before and incident.id != last.id:
            yield (*run.plan, incident)


def met(run: StoryRun, plans: Iterable[Plan]) -> list[tuple[Plan, Meeting]]:
    """Return plans, each with what its last incident meets.

    ``run`` is the run of what they have in common, without their last incidents.
    """
    states = {id_: state for (id_, _), state in zip(run.decisions, run.states, strict=True)}
    found = []
    for plan in plans:
        last, place = plan[-1], plan[-1].id.rpartition(" #")[0]
        acted = any(incident.kind in OF_THE_ORDER for incident in plan)
        found.append((plan, Meeting(states[last.id], place, last.kind, last.lasts, acted)))
    return found


def has(taken: Taken, kind: str) -> bool:
    """Return whether a plan has an incident of a kind."""
    return any(incident.kind == kind for incident in taken[1])


def share(plans: Iterable[Taken], *, one_in: int, part: int) -> list[Taken]:
    """Return one in so many plans, the same ones each time, those of all stories mixed."""
    mixed = sorted(plans, key=lambda taken: crc32(f"{taken[0].name} {taken[1]}".encode()))
    return mixed[part::one_in]


def _pairs(pool: ProcessPoolExecutor, story: Story, *, merged: bool) -> list[Taken]:
    """Return the pairs of a story that meet different states.

    If ``merged``, return the others, each with the plan whose last incident meets the same state.
    """
    first = pool.submit(_met_by_singles, story).result()
    known = {meeting: plan for plan, meeting in first}
    different, same = list[Taken](), list[Taken]()
    found = pool.map(partial(_met_by_seconds, story), [plan for plan, _ in first])
    for plan, meeting in chain.from_iterable(found):
        if meeting in known:
            same.append((story, plan, known[meeting]))
        else:
            different.append((story, plan, None))
            known[meeting] = plan
    print(f"{story.name}: {len(different) + len(same):,} pairs, {len(different):,} different")
    sys.stdout.flush()
    return same if merged else different


def _met_by_singles(story: Story) -> list[tuple[Plan, Meeting]]:
    calm = play_story(story, digests=True)
    return met(calm, [(incident,) for incident in places(calm, tasks_only=True)])


def _met_by_seconds(story: Story, plan: Plan) -> list[tuple[Plan, Meeting]]:
    first = play_story(story, plan, digests=True)
    return met(first, longer(first))


def longer_by_one(run: StoryRun) -> Plan | None:
    """Return a plan of a run's incidents and one more, the same each time; None at its end."""
    plans = list(longer(run))
    return plans[crc32(f"{run.plan}".encode()) % len(plans)] if plans else None


def _play(until: float, taken: Taken, *, triples: bool) -> StoryRun | None:
    """Play a story with a plan, if it is not yet ``until``. What it was merged with ends alike.

    With ``triples`` the plan is longer by an incident; it is not played if none can come after it.
    """
    if time.monotonic() >= until:
        return None
    story, plan, other = taken
    run = play_story(story, plan)
    if triples and not run.problem:
        triple = longer_by_one(run)
        return play_story(story, triple) if triple else None
    if other is None or run.problem:
        return run
    ended = play_story(story, other).ended
    words = f"the order ended {run.ended}, and {ended} with {'; '.join(map(str, other))}"
    return run if ended == run.ended else replace(run, problem=words)


def _print_problem(run: StoryRun) -> None:
    """Print a run that broke a promise, with all that happened in it."""
    print(f"\n{run.story.name}; {'; '.join(map(str, run.plan))}: {run.problem}")
    for note in run.notes:
        print(f"  {note}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

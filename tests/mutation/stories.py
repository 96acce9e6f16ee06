"""Mutants of sagas, judged by the stories of the simulation in which what was changed matters.

Each story is played once as it is, and once with each fault and act at each task. The notes of
these runs say which states and catches each of them takes. A mutant is judged by the runs that take
what it changes, until one of them breaks a promise.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import cached_property, partial
from typing import Any, NamedTuple

from simulation.chance import CRASH
from simulation.every_fault import pairs
from simulation.expressions import names
from simulation.stories import STORIES, Incident, Plan, Story, StoryRun, places, play_story
from simulation.templates import synthesized
from simulation.world import World

States = dict[str, Any]
"""The states of a machine."""
NOTE = re.compile(r"(\w+):(\d+) (\w+)(?: failed: ([\w.]+).*)?", re.DOTALL)
MOST = 60
"""No mutant is judged by more runs."""


class Step(NamedTuple):
    """What an execution did: it came to a state of a machine, and an error or a state followed."""

    machine: str
    state: str
    error: str = ""
    following: str = ""


class Stories:
    """The runs of stories with at most one fault or act, by the steps in them."""

    def broken_by(
        self, machine: str, path: Sequence[Any], change: Callable[[States], object]
    ) -> str:
        """Return the story and the plan in which a change of a machine breaks a promise, if any.

        ``path`` leads from the machine's states to what is changed.
        """
        changed = deepcopy(self._machines[machine])
        change(changed)
        plans = list(dict.fromkeys(self._plans(machine, *path)))
        for story, plan in plans[:: 1 + len(plans) // MOST]:
            if problem := play_story(story, plan, partial(_give, machine, changed)).problem:
                return f"{story.name}; {'; '.join(map(str, plan))}: {problem}"
        return ""

    @cached_property
    def _machines(self) -> Mapping[str, States]:
        return {
            _short(each.name): json.loads(each.properties["DefinitionString"])["States"]
            for each in synthesized(express=False).all("AWS::StepFunctions::StateMachine")
        }

    @cached_property
    def _by_step(self) -> Mapping[Step, Sequence[StoryRun]]:
        found: dict[Step, list[StoryRun]] = defaultdict(list)
        for story in STORIES:
            if story.express:
                continue
            calm = play_story(story)
            plans = [(each,) for each in places(calm) if _is_of_a_saga(each, calm.machines)]
            for run in (calm, *(play_story(story, plan) for plan in plans)):
                for step in set(_steps(run)):
                    found[step].append(run)
        return found

    def _plans(
        self, machine: str, state: str, part: str, index: int | None = None
    ) -> Iterator[tuple[Story, Plan]]:
        """Yield the stories in which a part of a state matters, each with its plan."""
        arrivals = self._by_step.get(Step(machine, state), ())
        own = self._machines[machine][state]
        taking = arrivals
        if index is not None:
            taking = [
                run
                for step, runs in self._by_step.items()
                if step[:2] == (machine, state) and _takes(own, part, step) == index
                for run in runs
            ]
        yield from ((run.story, run.plan) for run in taking)
        if not taking or all(run.plan for run in arrivals):
            # Only a fault leads to this state, so no run has a fault at it. One run for each story.
            for run in {run.story: run for run in arrivals if run.plan}.values():
                for plan in pairs(run):
                    if plan[-1].id.startswith(f"{machine} {state} #"):
                        yield run.story, plan


def _is_of_a_saga(incident: Incident, machines: Sequence[str]) -> bool:
    """Whether an incident is at a task, or lets a function fail until a task gives up."""
    if incident.kind == CRASH:
        return incident.lasts and incident.id.startswith("run ")
    return incident.id.partition(" ")[0] in machines


def _takes(state: Any, part: str, step: Step) -> int | None:
    """Return the index of the catcher that an error meets, or of the choice that is taken."""
    parts = enumerate(state.get(part, ()))
    if step.error:
        return next((i for i, each in parts if part == "Catch" and names(each, step.error)), None)
    taken = (i for i, each in parts if part == "Choices" and each["Next"] == step.following)
    return next(taken, None)


def _steps(run: StoryRun) -> Iterator[Step]:
    """Yield what the executions of a run did."""
    at: dict[str, Step] = {}
    for note in run.notes:
        if found := NOTE.fullmatch(note.text):
            machine, number, state, error = found.groups(default="")
            before = at.get(machine + number)
            if error:
                yield Step(machine, state, error)
            elif before:
                yield Step(machine, before.state, following=state)
            at[machine + number] = Step(machine, state)
            yield at[machine + number]


def _give(machine: str, states: States, world: World) -> None:
    """Give a machine of a world other states."""
    (own,) = (each for each in world.machines.values() if each.short == machine)
    own.states = states


def _short(name: str) -> str:
    """Return the name of a machine that is in the notes of a run."""
    return name.partition(".")[2].partition("Machine")[0]

"""Mutants of sagas, judged by the stories of the simulation in which what was changed matters.

Each story is played once as it is, and once with each fault and act at each task. The notes of
these runs say which states and catches each of them takes. A mutant is judged by the runs that take
what it changes, until one of them breaks a promise.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import cached_property, partial
from itertools import islice
from typing import Any, NamedTuple

from simulation.chance import CRASH
from simulation.every_fault import longer
from simulation.expressions import names
from simulation.stories import STORIES, Incident, Plan, Story, StoryRun, places, play_story
from simulation.templates import synthesized
from simulation.world import World

States = dict[str, Any]
"""The states of a machine."""
NOTE = re.compile(r"(\w+):(\d+) (\w+)(?: failed: ([\w.]+).*)?", re.DOTALL)


class Step(NamedTuple):
    """What an execution did: it came to a state of a machine, and an error or a state followed."""

    machine: str
    state: str
    error: str = ""
    following: str = ""


Run = tuple[StoryRun, frozenset[Step]]
"""A run, and what its executions did."""


class Stories:
    """The runs of stories with at most one fault or act, as many as were needed."""

    def __init__(self, most: int = 60, *, express: bool = False) -> None:
        """No change is judged by more runs than ``most``."""
        self._most = most
        self._express = express
        self._known: list[Run] = []
        self._others = _runs(express=express)

    def broken_by(
        self, machine: str, path: Sequence[Any], change: Callable[[States], object]
    ) -> str:
        """Return the story and the plan in which a change of a machine breaks a promise, if any.

        ``path`` leads from the machine's states to what is changed.
        """
        changed = deepcopy(self._machines[machine])
        change(changed)
        for story, plan in islice(self._plans(machine, *path), self._most):
            if problem := play_story(story, plan, partial(_give, machine, changed)).problem:
                return f"{story.name}; {'; '.join(map(str, plan))}: {problem}"
        return ""

    @cached_property
    def _machines(self) -> Mapping[str, States]:
        return {
            _short(each.name): json.loads(each.properties["DefinitionString"])["States"]
            for each in synthesized(express=self._express).all("AWS::StepFunctions::StateMachine")
        }

    def _all(self) -> Iterator[Run]:
        yield from self._known
        for run in self._others:
            self._known.append(run)
            yield run

    def _plans(
        self, machine: str, state: str, part: str, index: int | None = None
    ) -> Iterator[tuple[Story, Plan]]:
        """Yield the stories in which a part of a state matters, each with its plan."""
        own, arrivals, taken = self._machines[machine][state], [], False
        for run, steps in self._all():
            here = [step for step in steps if step[:2] == (machine, state)]
            if here:
                arrivals.append(run)
            if any(index is None or _takes(own, part, step) == index for step in here):
                taken = True
                yield run.story, run.plan
        if not taken or all(run.plan for run in arrivals):
            # Only a fault leads to this state, so no run has a fault at it. One run for each story.
            for run in {run.story: run for run in arrivals if run.plan}.values():
                for plan in longer(run):
                    if plan[-1].id.startswith(f"{machine} {state} #"):
                        yield run.story, plan


def _runs(*, express: bool) -> Iterator[Run]:
    """Yield the runs of all stories; those without a fault, or whose fault lasts, come first."""
    calm = [play_story(story) for story in STORIES if story.express == express]
    yield from ((run, frozenset(_steps(run))) for run in calm)
    singles = [(run.story, each) for run in calm for each in places(run)]
    machines = calm[0].machines
    for wanted in (_fails_for_a_while, partial(_is_at_a_task, machines)):
        for story, incident in singles:
            if wanted(incident):
                run = play_story(story, (incident,))
                yield run, frozenset(_steps(run))


def _fails_for_a_while(incident: Incident) -> bool:
    """Whether a function fails until a task gives up."""
    return incident.kind == CRASH and incident.lasts and incident.id.startswith("run ")


def _is_at_a_task(machines: Sequence[str], incident: Incident) -> bool:
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

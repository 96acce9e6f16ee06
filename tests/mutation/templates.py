"""``python -m tests.mutation.templates``: mutate the templates of ``dev``, one property at a time.

Filters, retries, dead-letter targets, rights and the like are taken away or made 0, and a state
machine, Standard or Express, loses each catch, retry and choice. Then the checks of the templates
run, and those of ``tests/abuse/test_wiring.py``. A machine that these do not find is played in the
simulation's stories. Nothing is synthesized again.
"""

import json
import re
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aws_cdk.aws_stepfunctions import StateMachineType

import tests.templates.checks  # noqa: F401 -- it registers the checks
from simulation.templates import Templates
from tests.abuse.test_wiring import deaf, needless, read_by_each, received, rights_used
from tests.contracts.subscribers import matched_by, rules
from tests.mutation.stories import Stories
from tests.support.abuse_platform import prepare
from tests.support.in_process import InProcess
from tests.support.in_process_consumers import Consumers
from tests.support.used_rights import missing
from tests.templates import (
    kinds,
    worker_right_checks,  # noqa: F401 -- it registers checks of workers, as the next one does
    worker_start_checks,  # noqa: F401
)
from tests.templates.checks.common import CHECKS
from tests.templates.synthesis import (
    Platform,
    Resource,
    definition,
    platform,
    synthesis_of,
    with_partner,
)
from tests.templates.worker_checks import CHECKS as OF_WORKERS

SURVIVORS = Path(__file__).with_name("survivors.json")
GUARDS = {
    kinds.MAPPING: r"FilterCriteria|FunctionResponseTypes|BisectBatchOnFunctionError"
    r"|DestinationConfig|ScalingConfig|StartingPosition|Maximum(RetryAttempts|RecordAgeInSeconds)",
    kinds.RULE: r"EventPattern\.(detail-type\.\d+|replay-name)"
    r"|Targets\.0\.(DeadLetterConfig|RetryPolicy|RetryPolicy\.\w+)",
    kinds.SUBSCRIPTION: r"FilterPolicy\.detail_type\.\d+|RedrivePolicy|RawMessageDelivery"
    r"|FilterPolicyScope",
    kinds.INVOKE_CONFIG: r"Maximum\w+|DestinationConfig\.\w+",
    kinds.SCHEDULE: r"Target\.(DeadLetterConfig|RetryPolicy|RetryPolicy\.\w+)",
    kinds.TABLE: r"StreamSpecification|TimeToLiveSpecification",
    kinds.QUEUE: r"RedrivePolicy|VisibilityTimeout|MessageRetentionPeriod",
    kinds.POLICY: r"PolicyDocument\.Statement\.\d+(\.Action\.\d+|\.Condition)?",
    kinds.QUEUE_POLICY: r"PolicyDocument\.Statement\.\d+(\.Condition)?",
    kinds.PERMISSION: r"SourceArn",
    kinds.MACHINE: r"\w+\.((Catch|Retry|Choices)(\.\d+)?|TimeoutSeconds)",
}
"""The properties that are taken away, or made 0, by the kind of resource."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A property of a resource that is taken away, or made 0; of a machine, a part of a state."""

    resource: Resource
    path: tuple[Any, ...]
    how: str

    def __str__(self) -> str:
        kind = "Express " if self.express else ""
        return f"{kind}{self.resource}: {'.'.join(map(str, self.path))}: {self.how}"

    @property
    def express(self) -> bool:
        """Whether it is of an Express workflow."""
        return bool(self.resource.properties.get("StateMachineType") == "EXPRESS")

    @property
    def machine(self) -> str:
        """The short name of a state machine; empty for another resource."""
        is_one = self.resource.kind == kinds.MACHINE
        return self.resource.id.partition("Machine")[0] if is_one else ""

    def made(self, whole: Platform) -> Platform:
        """Return the platform with it."""
        broken = whole.copy()
        own = broken.templates[self.resource.stack]["Resources"][self.resource.id]["Properties"]
        if self.machine:
            changed = definition(self.resource)
            self.apply(changed["States"])
            own["DefinitionString"] = {"Fn::Join": ["", [json.dumps(changed)]]}
        else:
            self.apply(own)
        return broken

    def apply(self, value: Any) -> None:
        """Change a resource's properties, or a machine's states."""
        *parents, last = self.path
        place = _at(value, tuple(parents))
        if self.how == "gone":
            del place[last]
        else:
            place[last] = 0


def whole(*, express: bool) -> Platform:
    """Return ``dev`` with Standard or with Express workflows."""
    if not express:
        return platform("dev")
    return synthesis_of(replace(with_partner("dev"), saga_type=StateMachineType.EXPRESS)).platform


def mutants(only: str) -> Iterator[Mutant]:
    """Yield the mutants of a service, those with this text in their names, or all."""
    resources = (*whole(express=False).all(*GUARDS), *whole(express=True).all(kinds.MACHINE))
    for resource in resources:
        is_machine = resource.kind == kinds.MACHINE
        top = definition(resource)["States"] if is_machine else resource.properties
        for path in _paths(top):
            if not re.fullmatch(GUARDS[resource.kind], ".".join(map(str, path))):
                continue
            for how in ("gone", "0") if type(_at(top, path)) is int else ("gone",):
                mutant = Mutant(resource=resource, path=path, how=how)
                is_wanted = resource.stack.lower().endswith(only) or only in str(mutant)
                if is_wanted and (how == "gone" or _at(top, path)):
                    yield mutant


def _paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*at, key)
        if isinstance(each, dict | list):
            yield from _paths(each, (*at, key))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


class Judge:
    """Says which check finds a mutant."""

    def __init__(self) -> None:
        self._stories = {express: Stories(express=express) for express in (False, True)}
        prepared = prepare()
        with prepared.here.installed():
            self._read_by = read_by_each(prepared)
            self._used = rights_used(prepared)

    def caught_by(self, mutant: Mutant) -> str:
        """Return what finds a mutant: a check or a story. Return an empty text if nothing does."""
        broken = mutant.made(whole(express=mutant.express))
        for check in (*CHECKS, *OF_WORKERS, self._wired, self._missing, _matches_nothing):
            try:
                if any(True for _ in check(broken)):
                    return check.__name__
            except Exception as error:  # noqa: BLE001 -- the check's test fails, whatever it is
                return f"{check.__name__} ({type(error).__name__})"
        if not mutant.machine:
            return ""
        try:
            stories = self._stories[mutant.express]
            return stories.broken_by(mutant.machine, mutant.path, mutant.apply)
        except KeyError as error:
            return f"no machine: it has no {error}"

    def _wired(self, broken: Platform) -> Iterator[str]:
        here = InProcess(Templates(broken.templates), sender="")
        with here.installed():
            found = received(Consumers(here))
            yield from deaf(found, self._read_by)
            yield from needless(found, self._read_by)

    def _missing(self, broken: Platform) -> Iterator[str]:
        yield from missing(Templates(broken.templates), self._used)


def _matches_nothing(broken: Platform) -> Iterator[str]:
    """Yield each rule that matches none of our events, as tests/contracts does."""
    for rule in rules(broken):
        if not matched_by(rule.properties["EventPattern"]):
            yield str(rule)


def main() -> int:
    """Judge the mutants; print survivors, and a summary last. Return the exit code."""
    parser = ArgumentParser(prog="python -m tests.mutation.templates", description=__doc__)
    parser.add_argument(
        "only", nargs="?", default="", help="a service, or a part of a name (default: all)"
    )
    parser.add_argument("--one-in", type=int, default=1, help="only every n-th mutant")
    given = parser.parse_args()
    reasons: dict[str, str] = json.loads(SURVIVORS.read_text())
    judge, count, survivors, unexplained = Judge(), 0, 0, 0
    for mutant in list(mutants(given.only))[:: given.one_in]:
        count += 1
        if not judge.caught_by(mutant):
            survivors += 1
            if not any(re.search(known, str(mutant)) for known in reasons):
                unexplained += 1
                sys.stdout.write(f"{mutant}\n")
                sys.stdout.flush()
    sys.stdout.write(
        f"{count} mutants of the templates: {count - survivors} caught, {survivors} survived,"
        f" {unexplained} of these without a reason\n"
    )
    return 1 if unexplained or not count else 0


if __name__ == "__main__":
    sys.exit(main())

"""``python -m tests.mutation.templates``: mutate the templates of ``dev``, one property at a time.

Filters, retries, dead-letter targets, rights and the like are taken away or made 0, and a state
machine loses each catch, retry and choice. Then the checks of the templates run, and those of
``tests/abuse/test_wiring.py``. Nothing is synthesized again.
"""

import json
import re
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import tests.templates.checks  # noqa: F401 -- it registers the checks
from simulation.templates import Templates
from tests.abuse.test_wiring import deaf, read_by_each, received, rights_used
from tests.contracts.subscribers import matched_by, rules
from tests.support.abuse_platform import prepare
from tests.support.in_process import InProcess
from tests.support.in_process_consumers import Consumers
from tests.support.used_rights import missing
from tests.templates import kinds
from tests.templates.checks.common import CHECKS
from tests.templates.synthesis import Platform, Resource, definition, platform

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


def mutants(only: str) -> Iterator[tuple[str, Callable[[], Platform]]]:
    """Yield mutants: each with its name, and what makes it."""
    whole = platform("dev")
    for resource in whole.all(*GUARDS):
        is_machine = resource.kind == kinds.MACHINE
        top = definition(resource)["States"] if is_machine else resource.properties
        for path in _paths(top) if resource.stack.lower().endswith(only) else ():
            if not re.fullmatch(GUARDS[resource.kind], ".".join(map(str, path))):
                continue
            for how in ("gone", "0") if type(_at(top, path)) is int else ("gone",):
                if how == "gone" or _at(top, path):
                    name = f"{resource}: {'.'.join(map(str, path))}: {how}"
                    yield name, partial(_mutate, whole, resource, path, how)


def _mutate(whole: Platform, resource: Resource, path: tuple[Any, ...], how: str) -> Platform:
    broken = whole.copy()
    own = broken.templates[resource.stack]["Resources"][resource.id]["Properties"]
    if resource.kind == kinds.MACHINE:
        changed = definition(resource)
        _apply(changed["States"], path, how)
        own["DefinitionString"] = {"Fn::Join": ["", [json.dumps(changed)]]}
    else:
        _apply(own, path, how)
    return broken


def _paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*at, key)
        if isinstance(each, dict | list):
            yield from _paths(each, (*at, key))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def _apply(value: Any, path: tuple[Any, ...], how: str) -> None:
    *parents, last = path
    place = _at(value, tuple(parents))
    if how == "gone":
        del place[last]
    else:
        place[last] = 0


class Judge:
    """Says which check finds a mutant."""

    def __init__(self) -> None:
        prepared = prepare()
        with prepared.here.installed():
            self._read_by = read_by_each(prepared)
            self._used = rights_used(prepared)

    def caught_by(self, broken: Platform) -> str:
        """Return the name of the first check that fails, or an empty text."""
        for check in (*CHECKS, self._deaf, self._missing, _matches_nothing):
            try:
                if any(True for _ in check(broken)):
                    return check.__name__
            except Exception as error:  # noqa: BLE001 -- the check's test fails, whatever it is
                return f"{check.__name__} ({type(error).__name__})"
        return ""

    def _deaf(self, broken: Platform) -> Iterator[str]:
        here = InProcess(Templates(broken.templates), sender="")
        with here.installed():
            yield from deaf(received(Consumers(here)), self._read_by)

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
    parser.add_argument("only", nargs="?", default="", help="a service (default: all)")
    parser.add_argument("--one-in", type=int, default=1, help="only every n-th mutant")
    given = parser.parse_args()
    reasons: dict[str, str] = json.loads(SURVIVORS.read_text())
    judge, count, survivors, unexplained = Judge(), 0, 0, 0
    for name, make in list(mutants(given.only))[:: given.one_in]:
        count += 1
        if not judge.caught_by(make()):
            survivors += 1
            if not any(re.search(known, name) for known in reasons):
                unexplained += 1
                sys.stdout.write(f"{name}\n")
    sys.stdout.write(
        f"{count} mutants of the templates: {count - survivors} caught, {survivors} survived,"
        f" {unexplained} of these without a reason\n"
    )
    return 1 if unexplained or not count else 0


if __name__ == "__main__":
    sys.exit(main())

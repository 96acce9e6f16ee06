"""The logical ids of what holds data: with another id, CloudFormation makes another one, empty."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stacks.constructs.contract_outputs import PUBLISHED, READ
from stacks.environments import ENVIRONMENTS
from tests.templates.kinds import (
    ARCHIVE,
    BUCKET,
    BUS,
    DSQL,
    FUNCTION,
    QUEUE,
    STREAM,
    TABLE,
    USER_POOL,
)
from tests.templates.synthesis import Json, platform

LISTED = Path(__file__).with_name("logical_ids.json")
"""The ids that must stay: of data by their types, of queues by service, of functions by caller."""
UPDATE = "pytest tests/templates --snapshot-update"


@pytest.fixture
def listed(request: pytest.FixtureRequest) -> Callable[[str, Json], Json]:
    """Return what is listed of a kind. With the option, what is new is added before."""

    def read(kind: str, found: Json) -> Json:
        ids = json.loads(LISTED.read_text())
        if request.config.getoption("update_snapshots"):
            ids[kind] = merged(ids[kind], found)
            LISTED.write_text(json.dumps(ids, indent=2, sort_keys=True) + "\n")
        return ids[kind]

    return read


def merged(listed: Json, found: Json) -> Json:
    """What is listed and what is found: nothing that is listed is dropped."""
    match listed, found:
        case dict(), dict():
            names = sorted({*listed, *found})
            return {
                name: merged(listed.get(name, found.get(name)), found.get(name, listed.get(name)))
                for name in names
            }
        case list(), list():
            return sorted({*listed, *found})
    return listed


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_logical_ids_of_data_are_stable(environment: str, listed: Callable[[str, Json], Json]):
    found = {
        f"{resource.stack.rpartition('-')[2]}/{resource.id}": resource.kind
        for resource in platform(environment).all(
            BUS, ARCHIVE, STREAM, TABLE, DSQL, BUCKET, USER_POOL
        )
    }

    assert found == listed("data", found), (
        f"{LISTED.name} differs. For new data: {UPDATE}. Data that is gone, or has a new id, is "
        "deleted in every account; where that is meant, remove its line by hand."
    )


def test_new_ids_are_added_and_no_listed_one_is_dropped():
    assert merged({"a": ["1"], "b": "x"}, {"a": ["2"], "c": "y"}) == {
        "a": ["1", "2"],
        "b": "x",
        "c": "y",
    }


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_functions_that_other_stacks_call_are_renamed_in_two_releases(
    environment: str, listed: Callable[[str, Json], Json]
):
    """A new logical id is a new function.

    CloudFormation deletes the old one at the end of its own stack's update. The caller's stack is
    deployed later: until then every call of it fails. So the first release adds the new function
    next to the old one, and changes the callers; the second removes the old one.
    """
    of = platform(environment)
    found = {
        f"{_service(function.stack)}/{function.id}": _service(stack)
        for stack, template in of.templates.items()
        for reference in _foreign_references(template)
        if (function := of.referred(stack, reference)) and function.kind == FUNCTION
    }

    assert found == listed("called by another stack", found), (
        f"{LISTED.name} differs. For new functions: {UPDATE}. One that is gone or has a new id is "
        "renamed in two releases (docs/how-to/deploy.md); then remove its line by hand."
    )


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_logical_ids_of_queues_are_stable(environment: str, listed: Callable[[str, Json], Json]):
    """A renamed queue is a new one: what is in the old one is not where anybody looks for it.

    Look into it before (`python -m ops dlq list`). In prod the old one is kept, and
    `python -m ops retained` lists it.
    """
    found: dict[str, list[str]] = {}
    for queue in sorted(platform(environment).all(QUEUE), key=str):
        found.setdefault(_service(queue.stack), []).append(queue.id)

    wanted = dict(listed("queues", found))
    if not platform(environment).environment.dead_letters_watched:
        wanted.pop("Operations")
    assert found == wanted, (
        f"{LISTED.name} differs. For new queues: {UPDATE}. What is gone, remove by hand."
    )


def _service(stack: str) -> str:
    return stack.rpartition("-")[2]


def _foreign_references(value: Any) -> Iterator[Any]:
    match value:
        case {"Fn::GetStackOutput": _}:
            yield value
        case dict():
            for inner in value.values():
                yield from _foreign_references(inner)
        case list():
            for inner in value:
                yield from _foreign_references(inner)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_outputs_of_all_stacks_have_different_names(environment: str):
    """The laptop, the tests and the operator read the outputs of all stacks as one set."""
    names = Counter(
        name
        for template in platform(environment).templates.values()
        for name in template.get("Outputs", {})
        if name not in (READ, PUBLISHED) and not name.startswith("ExportsOutput")
    )

    shared = [name for name, stacks in names.items() if stacks > 1]
    assert shared == [], "two stacks have an output of this name: give the new CfnOutput another"

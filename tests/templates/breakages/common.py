"""Breakages that several modules use."""

from collections.abc import Callable
from typing import Any

from tests.templates import kinds
from tests.templates.checks.common import Check, policies_of, statements
from tests.templates.synthesis import Platform, Resource

Breakage = Callable[[Platform], Resource]
"""Breaks something in a copy of the templates; returns the resource that the check must name."""

Case = tuple[Check, Breakage]


def first(broken: Platform, kind: str, containing: str) -> Resource:
    """Return the first resource of that type and name."""
    for resource in broken.all(kind):
        if containing in str(resource):
            return resource
    raise LookupError(f"no {kind} with {containing!r} in its name: a breakage has to name another")


def change(kind: str, containing: str = "", /, *gone: str, **changed: Any) -> Breakage:
    """Change and remove properties of the first resource of that type and name."""

    def break_it(broken: Platform) -> Resource:
        resource = first(broken, kind, containing)
        resource.properties.update(changed)
        for name in gone:
            resource.properties.pop(name)
        return resource

    return break_it


def grant(role: str, **changed: Any) -> Breakage:
    """Change the last statement of a role's policy."""

    def break_it(broken: Platform) -> Resource:
        found = first(broken, kinds.ROLE, role)
        (policy, *_) = policies_of(broken, found)
        statements(policy)[-1].update(changed)
        return found

    return break_it


def take_from_policy(kind: str, containing: str, effect: str, owner: str) -> Breakage:
    """Remove the statements with this effect from a resource policy."""

    def break_it(broken: Platform) -> Resource:
        document = broken.one(kind, containing).properties["PolicyDocument"]
        document["Statement"] = [s for s in document["Statement"] if s["Effect"] != effect]
        return broken.one(owner, containing.removesuffix("Policy"))

    return break_it

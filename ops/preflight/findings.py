"""The input of the preflight's checks, and their findings."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from ops.deployed import Deployed
from ops.dlq.templates import Templates
from ops.environment.synthesized import Template, resources_of


class Verdict(StrEnum):
    """The consequence of a finding for the deployment."""

    FINE = "fine"
    NOTE = "note"
    """The deployment goes on, but the operator should know or do something."""
    STOP = "stop"
    """The deployment would fail, or lose data."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A line of the preflight. ``text`` says what was found, or what to do."""

    verdict: Verdict
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """What is to be deployed, and into which account and Region."""

    deployed: Deployed = field(repr=False)
    wanted: Mapping[str, Template] = field(repr=False)
    """The synthesized templates, by stack."""
    there: Templates = field(repr=False)
    """What is deployed."""
    assembly: Path
    """The folder with the templates."""
    account: str = ""
    region: str = ""

    def client(self, service: str) -> Any:
        """Return boto3's client of a service."""
        return self.deployed.client(service)

    def properties(self, *kinds: str) -> Iterator[Mapping[str, Any]]:
        """Yield the properties of the synthesized resources of these types."""
        for _, _, declaration in resources_of(self.wanted, *kinds):
            yield declaration.get("Properties", {})

    @property
    def new_stacks(self) -> set[str]:
        """The stacks that are synthesized and not deployed."""
        return set(self.wanted) - set(self.there.by_stack)

    @property
    def keeps_data(self) -> bool:
        """Whether the environment keeps its data when it is destroyed."""
        tables = resources_of(self.wanted, "AWS::DynamoDB::GlobalTable")
        return any(table["DeletionPolicy"] == "Retain" for _, _, table in tables)


Check = Callable[[Preflight], Iterator[Finding]]
"""A function with a docstring that says, in its first line, what it checks."""


def fine(text: str) -> Finding:
    """Return a finding that needs no action."""
    return Finding(Verdict.FINE, text)


def note(text: str) -> Finding:
    """Return a finding that the operator should know."""
    return Finding(Verdict.NOTE, text)


def stop(text: str) -> Finding:
    """Return a finding that forbids the deployment."""
    return Finding(Verdict.STOP, text)

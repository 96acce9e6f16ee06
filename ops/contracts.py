"""The versions of events that stacks read and publish, as synthesized and as deployed."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ops.deployed import Deployed
from ops.environment.synthesized import read_synthesized_templates
from stacks.names import stack_name

READ, PUBLISHED = "ContractsRead", "ContractsPublished"
"""The outputs; `stacks/constructs/contract_outputs.py` makes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackContracts:
    """The versions of events that a stack reads, and those that it publishes."""

    read: Mapping[str, list[int]] | None = None
    """By event, the versions; None for a stack that was deployed before stacks said it."""
    published: Mapping[str, int] = field(default_factory=dict)
    """By event, the version."""


Contracts = Mapping[str, StackContracts]
"""By stack."""


def read_synthesized(folder: Path, environment: str) -> Contracts:
    """Return the contracts of an environment's synthesized stacks.

    Raises:
        OperationError: the folder has none.
    """
    found = {}
    for stack, template in read_synthesized_templates(folder, environment).items():
        outputs = template.get("Outputs", {})
        values = {name: output["Value"] for name, output in outputs.items()}
        found[stack] = _contracts({READ: "{}", **values})
    return found


def read_deployed(deployed: Deployed) -> Contracts:
    """Return the contracts of an environment's deployed stacks; empty if nothing is deployed."""
    prefix = stack_name(deployed.environment, "")
    pages = deployed.client("cloudformation").get_paginator("describe_stacks").paginate()
    return {
        stack["StackName"]: _contracts(
            {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
        )
        for page in pages
        for stack in page["Stacks"]
        if stack["StackName"].startswith(prefix)
    }


def find_unread(wanted: Contracts, deployed: Contracts) -> list[str]:
    """Return a line for each stack that would receive an event in a version that it cannot read.

    A deployed stack whose outputs do not say what it reads is of a release that knew only version
    1.
    """
    return sorted([*_deaf_as_deployed(wanted, deployed), *_deaf_once_deployed(wanted, deployed)])


def describe_contracts(wanted: Contracts, deployed: Contracts) -> str:
    """Return one line that says what was compared."""
    if not deployed:
        return "nothing is deployed: every event will be read"
    events = {event for stack in wanted.values() for event in stack.published}
    return f"{len(deployed)} deployed stacks read all {len(events)} events that will be published"


def _deaf_as_deployed(wanted: Contracts, deployed: Contracts) -> Iterator[str]:
    for publisher, contracts in wanted.items():
        for event, version in contracts.published.items():
            for name, stack in deployed.items():
                versions = _reads(name, stack, wanted).get(event)
                if versions is not None and version not in versions:
                    yield (
                        f"{name} as deployed reads {event} {_list(versions)}, and {publisher} "
                        f"would publish {version}: deploy the release that only reads "
                        f"{version} first"
                    )


def _deaf_once_deployed(wanted: Contracts, deployed: Contracts) -> Iterator[str]:
    for publisher, contracts in deployed.items():
        for event, version in contracts.published.items():
            for name, stack in wanted.items():
                versions = (stack.read or {}).get(event)
                if versions is not None and version not in versions:
                    yield (
                        f"{name} would read {event} {_list(versions)} only, and {publisher} as "
                        f"deployed publishes {version}: deploy a release that reads {version}"
                    )


def _reads(name: str, stack: StackContracts, wanted: Contracts) -> Mapping[str, list[int]]:
    if stack.read is not None:
        return stack.read
    planned = wanted[name].read if name in wanted else None
    return {event: [1] for event in planned or {}}


def _contracts(outputs: Mapping[str, Any]) -> StackContracts:
    return StackContracts(
        read=json.loads(outputs[READ]) if READ in outputs else None,
        published=json.loads(outputs.get(PUBLISHED, "{}")),
    )


def _list(versions: list[int]) -> str:
    return " and ".join(map(str, versions))

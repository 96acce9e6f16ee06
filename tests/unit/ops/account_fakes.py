"""An account whose services answer as a test says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from ops.dlq.templates import DeployedStack, Templates
from ops.preflight.findings import Preflight


def client_error(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Call")


def raising(error: BaseException) -> Any:
    """A method that raises."""

    def method(*_: Any, **__: Any) -> Any:
        raise error

    return method


def answering(**answer: Any) -> Any:
    """A method with that answer."""
    return lambda **_: answer


def fake_client(pages: Mapping[str, Any] | None = None, **methods: Any) -> Any:
    """A client with these methods; ``pages`` has a list of pages, or a function, by operation."""

    def paginator(operation: str) -> Any:
        found = (pages or {})[operation]
        return SimpleNamespace(paginate=found if callable(found) else lambda **_: found)

    return SimpleNamespace(get_paginator=paginator, **methods)


def template(*types: str, outputs: Mapping[str, str] | None = None, **resources: Any) -> Any:
    """A template with a resource of each type, and those given by logical id."""
    return {
        "Resources": {**{f"R{n}": {"Type": type} for n, type in enumerate(types)}, **resources},
        "Outputs": {name: {"Value": value} for name, value in (outputs or {}).items()},
    }


def deployed_templates(stacks: Mapping[str, Any]) -> Templates:
    """Templates as they are deployed; a resource's physical id is its logical one in lower case."""
    return Templates(
        {
            name: DeployedStack(declared, {id: id.lower() for id in declared["Resources"]})
            for name, declared in stacks.items()
        }
    )


@dataclass(kw_only=True)
class FakeDeployed:
    """An environment in an account whose clients are given."""

    clients: Mapping[str, Any] = field(default_factory=dict)
    stacks: Mapping[str, Any] = field(default_factory=dict)
    environment: str = "dev"
    is_local: bool = True
    session: Any = field(default_factory=lambda: SimpleNamespace(region_name="eu-west-1"))

    def client(self, service: str) -> Any:
        return self.clients[service]

    def all_templates(self) -> Templates:
        return deployed_templates(self.stacks)


def preflight(
    *,
    wanted: Mapping[str, Any] | None = None,
    there: Mapping[str, Any] | None = None,
    assembly: Path = Path(),
    **clients: Any,
) -> Preflight:
    """A preflight of ``wanted`` in an account with ``there``."""
    deployed: Any = FakeDeployed(clients=clients, stacks=there or {})
    return Preflight(
        deployed=deployed,
        wanted=wanted or {},
        there=deployed.all_templates(),
        assembly=assembly,
        account="123456789012",
        region="eu-west-1",
    )

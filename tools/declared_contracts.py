"""The versions of events that this code's stacks read and publish."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from aws_cdk import App, CfnOutput, Stack

from app import compose
from stacks.constructs.contract_outputs import PUBLISHED, READ
from stacks.environments import LAPTOP

CDK_JSON = Path(__file__).resolve().parents[1] / "cdk.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredContracts:
    """The versions that stacks read and publish, by service, such as ``Orders``."""

    read: Mapping[str, Mapping[str, list[int]]]
    """By event, the versions."""
    published: Mapping[str, Mapping[str, int]]
    """By event, the version."""

    def consumers(self, event: str) -> list[str]:
        """Return the services that read an event."""
        return sorted(service for service, read in self.read.items() if event in read)

    def publishers(self, event: str) -> list[str]:
        """Return the services that publish an event."""
        return sorted(service for service, events in self.published.items() if event in events)


@cache
def declared_contracts() -> DeclaredContracts:
    """Compose all stacks, the optional one too, and return what they declare.

    Nothing is synthesized.
    """
    context = json.loads(CDK_JSON.read_text())["context"]
    app = App(context={**context, "aws:cdk:bundling-stacks": []})
    compose(app, LAPTOP)
    stacks = [child for child in app.node.children if isinstance(child, Stack)]
    return DeclaredContracts(
        read={_service(stack): noted for stack in stacks if (noted := _noted(stack, READ))},
        published={
            _service(stack): noted for stack in stacks if (noted := _noted(stack, PUBLISHED))
        },
    )


def _service(stack: Stack) -> str:
    return stack.stack_name.rpartition("-")[2]


def _noted(stack: Stack, name: str) -> dict[str, Any]:
    output = stack.node.try_find_child(name)
    return json.loads(output.value) if isinstance(output, CfnOutput) else {}

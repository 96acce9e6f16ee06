"""The versions of events that a stack reads and publishes, as outputs of the stack.

Constructs that declare a consumer or a publisher record its events here. `python -m ops contracts
check` compares the outputs of the deployed stacks with those of the new templates.
"""

import json
from collections.abc import Sequence
from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import IConstruct

from lambdas.contracts.event import Event

READ, PUBLISHED = "ContractsRead", "ContractsPublished"


def note_read(
    scope: IConstruct, events: Sequence[type[Event]], versions: Sequence[int] | None = None
) -> None:
    """Record that a consumer in the stack of ``scope`` reads these events.

    ``versions`` are the versions that it reads; the default is what the event's class reads. If a
    stack has several consumers of an event, the output has the versions that all of them read.
    """
    output, noted = _output(scope, READ)
    for event in events:
        read = set(event.reads() if versions is None else versions)
        noted[event.detail_type] = sorted(read & set(noted.get(event.detail_type, read)))
    output.value = _text(noted)


def note_published(scope: IConstruct, events: Sequence[type[Event]]) -> None:
    """Record that the stack of ``scope`` publishes these events."""
    output, noted = _output(scope, PUBLISHED)
    noted |= {event.detail_type: event.publishes for event in events}
    output.value = _text(noted)


def _output(scope: IConstruct, name: str) -> tuple[CfnOutput, dict[str, Any]]:
    stack = Stack.of(scope)
    found = stack.node.try_find_child(name)
    if isinstance(found, CfnOutput):
        return found, json.loads(found.value)
    return CfnOutput(stack, name, value="{}"), {}


def _text(noted: dict[str, Any]) -> str:
    return json.dumps(noted, sort_keys=True, separators=(",", ":"))

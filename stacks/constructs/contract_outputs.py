"""The versions of events that a stack reads and publishes, as outputs of the stack.

What declares a consumer or a publisher notes its events here. `python -m ops contracts check`
compares the outputs of what is deployed with those of what is to be deployed.
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
    """Note that a consumer in the stack of ``scope`` reads these events.

    ``versions`` are those that it reads; the default is what the event's class reads. Of an event
    with several consumers in a stack, the output has the versions that all of them read.
    """
    output, noted = _output(scope, READ)
    for event in events:
        read = set(event.reads() if versions is None else versions)
        noted[event.detail_type] = sorted(read & set(noted.get(event.detail_type, read)))
    output.value = _text(noted)


def note_published(scope: IConstruct, events: Sequence[type[Event]]) -> None:
    """Note that something in the stack of ``scope`` publishes these events."""
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

"""Generator of the contracts' documents: AsyncAPI, and a page for people.

``python -m tools.event_docs`` writes them into ``docs/``.
https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

import json
from collections.abc import Iterator
from dataclasses import is_dataclass
from functools import cache
from inspect import getdoc
from pathlib import Path
from typing import Any, get_args, get_origin

from lambdas.contracts.codec import JSON_TYPES, field_types, split_bounds, unwrap_optional
from lambdas.contracts.commands import Command, Refusal
from lambdas.contracts.event import DESTINATION_DETAIL_TYPE, DESTINATION_SOURCE, Event, Metadata
from tools.contract_modules import declared, services
from tools.declared_contracts import DeclaredContracts, declared_contracts
from tools.json_schema import (
    description,
    event_schema,
    object_schema,
    value_schemas,
    value_types,
)

DOCS = Path(__file__).resolve().parents[1] / "docs"
BUS, FUNCTIONS = "bus", "functions"


def asyncapi(declared_by: DeclaredContracts) -> dict[str, Any]:
    """Return all events and commands as an AsyncAPI 3 document.

    An event's schema is that of its newest version. Its message has ``x-versions``, the versions
    that are published and read, and ``x-publishers`` and ``x-consumers``, the services' stacks.
    """
    refs = "#/components/schemas/"
    events = [event for module in services().values() for event in module.EVENTS]
    topics = dict.fromkeys(event.topic for event in events if event.topic)
    commands = [c for module in services().values() for c in declared(module, Command)]
    bodies = {event.__name__: event_schema(event, refs) for event in events}
    bodies |= {command.__name__: object_schema(command, refs) for command in commands}
    extensions = {event.__name__: _extensions(event, declared_by) for event in events}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Orders",
            "version": "1.0.0",
            "description": "The events and commands of the services, made from the contracts.",
        },
        "defaultContentType": "application/json",
        "channels": {
            BUS: {
                "description": "The event bus; a message is the detail of an event. When "
                "Lambda publishes it, the message is the responsePayload in that, with source "
                "and detail_type added.",
                "address": "Orders",
                "messages": _message_refs([event for event in events if not event.topic]),
            },
            **{
                topic: {
                    "description": "An SNS FIFO topic; a group is a subject. A message is the "
                    "detail of an event with source and detail_type added.",
                    "address": None,
                    "messages": _message_refs([event for event in events if event.topic == topic]),
                }
                for topic in topics
            },
            FUNCTIONS: {
                "description": "Commands; a message is the payload of its service's function.",
                "address": None,
                "messages": _message_refs(commands),
            },
        },
        "operations": dict(_operations()),
        "components": {
            "messages": {
                name: {
                    "name": name,
                    "title": name,
                    "description": body["description"],
                    "payload": {"$ref": refs + name},
                    **extensions.get(name, {}),
                }
                for name, body in bodies.items()
            },
            "schemas": bodies | value_schemas([Metadata, *events, *commands], refs),
        },
    }


def page(declared_by: DeclaredContracts) -> str:
    """Return the page of each service's events, commands and refusals."""
    return "\n".join(_page(declared_by))


@cache
def documents() -> dict[str, str]:
    """Return the generated files of ``docs/`` with their content."""
    declared_by = declared_contracts()
    return {
        "asyncapi.json": json.dumps(asyncapi(declared_by), indent=2) + "\n",
        "events.md": page(declared_by),
    }


def main() -> None:
    """Write the generated files."""
    for name, text in documents().items():
        (DOCS / name).write_text(text)


def _extensions(event: type[Event], declared_by: DeclaredContracts) -> dict[str, Any]:
    return {
        "x-versions": {"published": event.publishes, "read": list(event.reads())},
        "x-publishers": declared_by.publishers(event.detail_type),
        "x-consumers": declared_by.consumers(event.detail_type),
    }


def _message_refs(kinds: list[type]) -> dict[str, Any]:
    return {kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"} for kind in kinds}


def _operations() -> Iterator[tuple[str, Any]]:
    for service, module in services().items():
        topic = next((event.topic for event in module.EVENTS if event.topic), "")
        for suffix, action, channel, kinds in (
            ("Publishes", "send", BUS, [event for event in module.EVENTS if not event.topic]),
            ("PublishesInOrder", "send", topic, [event for event in module.EVENTS if event.topic]),
            ("Receives", "receive", FUNCTIONS, declared(module, Command)),
        ):
            if kinds:
                yield (
                    f"{service}{suffix}",
                    {
                        "action": action,
                        "channel": {"$ref": f"#/channels/{channel}"},
                        "messages": [
                            {"$ref": f"#/channels/{channel}/messages/{kind.__name__}"}
                            for kind in kinds
                        ],
                    },
                )


def _page(declared_by: DeclaredContracts) -> Iterator[str]:
    yield "# Events and commands"
    yield ""
    yield "Made from `lambdas/contracts/` by `make docs`; not to be edited. The same for machines:"
    yield "[asyncapi.json](asyncapi.json)."
    yield ""
    yield "Every event travels as a `detail` of two parts, `metadata` and `data`. A message on an"
    yield "SNS topic has these two as well, and its `source` and `detail_type`. A table shows the"
    yield "newest version; [how-to/change-an-event.md](how-to/change-an-event.md) says how versions"
    yield "change. Services are named after their stacks. The metadata:"
    yield ""
    yield from _paragraphs(Metadata)
    yield from _fields(Metadata)
    for service, module in services().items():
        yield f"## {service.capitalize()}"
        yield ""
        yield f"{module.__doc__} Source: `{module.SOURCE}`."
        yield ""
        for event in module.EVENTS:
            yield f"### {event.detail_type}, version {event.version}"
            yield ""
            yield from _paragraphs(event)
            yield _travels(event, declared_by)
            yield ""
            if event.topic:
                yield f"Published on the SNS FIFO topic `{event.topic}`."
                yield ""
            if event.via_destination:
                yield f"Published by Lambda with source `{DESTINATION_SOURCE}` and detail-type"
                yield f"`{DESTINATION_DETAIL_TYPE}`. The event is the"
                yield "`responsePayload` in its detail, with `source` and `detail_type` added."
                yield ""
            if event.no_subscriber_reason:
                yield f"No service subscribes to it: {event.no_subscriber_reason}."
                yield ""
            yield from _fields(event)
        for command in declared(module, Command):
            yield f"### {command.__name__} (a command)"
            yield ""
            yield from _paragraphs(command)
            yield from _fields(command)
        refusals = declared(module, Refusal)
        if refusals:
            yield "Refusals:"
            yield ""
            yield from (f"- `{refusal.__name__}`: {description(refusal)}" for refusal in refusals)
            yield ""
    yield "## Values"
    yield ""
    kinds = [k for m in services().values() for k in (*m.EVENTS, *declared(m, Command))]
    for value in dict.fromkeys(value for kind in kinds for value in value_types(kind)):
        yield f"### {value.__name__}"
        yield ""
        yield from _paragraphs(value)
        yield from _fields(value)


def _travels(event: type[Event], declared_by: DeclaredContracts) -> str:
    """Return a line: which services publish which version of an event, and which read which."""
    publishers = ", ".join(declared_by.publishers(event.detail_type)) or "nobody"
    consumers = ", ".join(declared_by.consumers(event.detail_type)) or "nobody"
    read = " and ".join(map(str, event.reads()))
    return (
        f"Published by: {publishers}, in version {event.publishes}. "
        f"Read by: {consumers}, in version {read}."
    )


def _paragraphs(kind: Any) -> Iterator[str]:
    yield (getdoc(kind) or "").replace("``", "`")
    yield ""


def _fields(kind: Any) -> Iterator[str]:
    yield "| field | type |"
    yield "|---|---|"
    yield from (f"| `{name}` | {_type_label(inner)} |" for name, inner in field_types(kind).items())
    yield ""


def _type_label(kind: Any) -> str:
    inner = unwrap_optional(kind)
    if inner is not None:
        return f"{_type_label(inner)}, or null"
    plain, bounds = split_bounds(kind)
    limits = bounds.label() if bounds else ""
    if get_origin(plain) is tuple:
        return f"array{limits} of {_type_label(get_args(plain)[0])}"
    name = plain.__name__ if is_dataclass(plain) else JSON_TYPES[plain]  # type: ignore[union-attr]
    return f"{name}{limits}"


if __name__ == "__main__":
    main()

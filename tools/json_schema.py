"""The contracts as JSON Schema (2020-12).

https://json-schema.org/draft/2020-12
"""

from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from inspect import getdoc
from typing import Any, get_args, get_origin

from lambdas.contracts.codec import JSON_TYPES, field_types, split_bounds, unwrap_optional
from lambdas.contracts.event import Event, Metadata

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def detail_schema(event: type[Event]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the ``detail`` of ``event``."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:{event.source}:{event.detail_type}:{event.version}",
        **event_schema(event, "#/$defs/"),
        "$defs": value_schemas([Metadata, event], "#/$defs/"),
    }


def field_schema(kind: Any, refs: str) -> dict[str, Any]:
    """Return the schema of a field's type; ``refs`` is the path to dataclasses' schemas."""
    inner = unwrap_optional(kind)
    if inner is not None:
        return {"anyOf": [field_schema(inner, refs), {"type": "null"}]}
    plain, bounds = split_bounds(kind)
    limits = bounds.schema() if bounds else {}
    if get_origin(plain) is tuple:
        return {"type": "array", "items": field_schema(get_args(plain)[0], refs), **limits}
    if is_dataclass(plain):
        return {"$ref": f"{refs}{plain.__name__}"}  # type: ignore[union-attr]
    return {"type": JSON_TYPES[plain], **limits}


def object_schema(kind: Any, refs: str) -> dict[str, Any]:
    """Return a dataclass's schema; it allows further properties, because decoding is tolerant."""
    return {
        "description": description(kind),
        "type": "object",
        "properties": {
            name: field_schema(inner, refs) for name, inner in field_types(kind).items()
        },
        "required": [
            field.name
            for field in fields(kind)
            if field.default is MISSING and field.default_factory is MISSING
        ],
    }


def event_schema(event: type[Event], refs: str) -> dict[str, Any]:
    """Return the schema of an event's ``detail``: its metadata and its data."""
    version = {"properties": {"schema_version": {"const": event.version}}}
    return {
        "title": event.detail_type,
        "description": description(event),
        "type": "object",
        "properties": {
            "metadata": {"allOf": [{"$ref": f"{refs}Metadata"}, version]},
            "data": object_schema(event, refs),
        },
        "required": ["metadata", "data"],
    }


def value_schemas(kinds: list[Any], refs: str) -> dict[str, Any]:
    """Return the schemas of Metadata and of every dataclass that these refer to."""
    found = {Metadata: object_schema(Metadata, refs)}
    for kind in kinds:
        for value in value_types(kind):
            found[value] = object_schema(value, refs)
    return {value.__name__: schema for value, schema in found.items()}


def value_types(kind: Any) -> Iterator[Any]:
    """Yield the dataclasses that the fields of ``kind`` have as their types, nested ones too."""
    for inner in field_types(kind).values():
        leaf, _ = split_bounds(unwrap_optional(inner) or inner)
        leaf = get_args(leaf)[0] if get_origin(leaf) is tuple else leaf
        if is_dataclass(leaf):
            yield leaf
            yield from value_types(leaf)


def description(kind: Any) -> str:
    """Return a class's docstring as one line of Markdown."""
    return " ".join((getdoc(kind) or "").replace("``", "`").split())

"""How the patches extend MiniStack's CloudFormation."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ministack.services.cloudformation.provisioners import (
    _REPLACING_PROPERTIES,
    _RESOURCE_HANDLERS,
)

Properties = Mapping[str, Any]
Resource = tuple[str, dict[str, Any]]
"""A handler's result: the value of Ref, and the values of Fn::GetAtt."""
Response = tuple[int, Mapping[str, str], bytes | str]


def add_type(
    name: str,
    *,
    create: Callable[[str, Properties, str], Resource],
    update: Callable[[str, Properties, Properties, str], Resource],
    delete: Callable[[str, Properties], None],
    replacing: tuple[str, ...] = (),
) -> None:
    """Add a resource type to CloudFormation.

    If one of the properties in `replacing` changes, the resource is replaced.
    """
    _RESOURCE_HANDLERS[name] = {"create": create, "update": update, "delete": delete}
    _REPLACING_PROPERTIES[name] = replacing


def after(name: str, apply: Callable[[str, Properties, dict[str, Any]], None]) -> None:
    """Call `apply(physical id, properties, attributes)` after each create and update of a type."""
    handlers = _RESOURCE_HANDLERS[name]
    create, update = handlers["create"], handlers["update"]

    def created(logical_id: str, properties: Properties, *rest: Any, **options: Any) -> Resource:
        physical_id, attributes = create(logical_id, properties, *rest, **options)
        apply(physical_id, properties, attributes)
        return physical_id, attributes

    def updated(
        physical_id: str, old: Properties, new: Properties, *rest: Any, **options: Any
    ) -> Resource:
        physical_id, attributes = update(physical_id, old, new, *rest, **options)
        apply(physical_id, new, attributes)
        return physical_id, attributes

    _RESOURCE_HANDLERS[name] = {**handlers, "create": created, "update": updated}


def call(response: Response) -> dict[str, Any]:
    """Return a service's answer; raise ValueError if it is an error, which fails the operation."""
    status, _, body = response
    text = body.decode() if isinstance(body, bytes) else body
    if status >= 400:
        raise ValueError(text)
    # Services of the query protocol answer in XML. No caller needs what those say.
    return dict(json.loads(text)) if text.startswith("{") else {}


def present(properties: Properties, *names: str) -> dict[str, Any]:
    """Return those of the named properties that the template has."""
    return {name: properties[name] for name in names if name in properties}

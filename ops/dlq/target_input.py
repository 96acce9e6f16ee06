"""The input that a rule's target gets, made from the event as EventBridge makes it."""

import json
import re
from collections.abc import Mapping
from typing import Any

from ops.dlq.json_text import parse_json

PLACEHOLDER = re.compile(r"<([\w-]+)>")
"""A value's place in a template. Our templates have none inside of a text."""


class NotRedrivableError(Exception):
    """A dead letter cannot be redriven. The message says why, and what an operator can do."""


def target_input_of(event: Mapping[str, Any], target_config: Mapping[str, Any]) -> Any:
    """Return the input of a rule's target.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
    """
    if "Input" in target_config:
        return parse_json(target_config["Input"])
    if "InputPath" in target_config:
        return value_at(event, target_config["InputPath"])
    if "InputTransformer" in target_config:
        return _transformed(event, target_config["InputTransformer"])
    return event


def _transformed(event: Mapping[str, Any], transformer: Mapping[str, Any]) -> Any:
    """Return the input that a template makes, in which each ``<name>`` stands for a JSON value."""
    values = {
        name: json.dumps(value_at(event, path))
        for name, path in transformer["InputPathsMap"].items()
    }
    return parse_json(PLACEHOLDER.sub(lambda at: values[at[1]], transformer["InputTemplate"]))


def value_at(event: Any, path: str) -> Any:
    """Return the value at a path such as ``$.detail.metadata.subject``."""
    found = event
    for name in path.removeprefix("$").strip(".").split("."):
        if name and (not isinstance(found, dict) or name not in found):
            raise NotRedrivableError(f"the event has no {path}, which its rule needs")
        found = found[name] if name else found
    return found

"""Parsing of JSON from outside. A text that is not JSON by the standard stays a text."""

import json
import math
from typing import Any

MAX_DEPTH = 100
"""The deepest nesting that is parsed: every function that walks through a value can bear it."""


def parse_json(text: Any) -> Any:
    """Return the value of a JSON text; the text itself if it is not JSON.

    NaN and infinity are not JSON. A text nested deeper than ``MAX_DEPTH`` is not parsed either.
    """
    if not isinstance(text, str):
        return text
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        return text
    return text if _is_deep(value) else value


def to_json(value: Any) -> str:
    """Return a value as JSON for people. Equal values give equal texts."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _children(outer)]
        if not level:
            return False
    return True


def _children(value: Any) -> list[Any]:
    match value:
        case dict():
            return list(value.values())
        case list():
            return value
    return []


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large")
    return number


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")

"""Encoding of responses as plain JSON.

The schemas of responses are made of the same dataclasses.
"""

from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, get_args

from lambdas.contracts.bounds import MAX_INTEGER, ArrayBounds, TimeBounds
from lambdas.contracts.codec import field_types, unwrap_optional
from lambdas.contracts.times import reformat_time

UNLIMITED = ArrayBounds(maximum=MAX_INTEGER)
"""The bounds of an array that has no limit of its own."""


def encode_response(value: Any) -> Any:
    """Return a dataclass as plain JSON, with all times in the format of ``times.py``.

    Rows and events of older releases have times in another format. An optional field that is None
    is left out.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {
            each.name: reformat_time(got)
            if each.name in _times(type(value))
            else encode_response(got)
            for each in fields(value)
            if (got := getattr(value, each.name)) is not None or each.default is MISSING
        }
    if isinstance(value, list | tuple):
        return [encode_response(each) for each in value]
    return value


def is_time(kind: Any) -> bool:
    """Return whether a field's type is ``Time`` or ``Time | None``."""
    return any(isinstance(each, TimeBounds) for each in get_args(unwrap_optional(kind) or kind))


@cache
def _times(kind: Any) -> frozenset[str]:
    return frozenset(name for name, type_ in field_types(kind).items() if is_time(type_))

"""Encoding of the contracts' dataclasses as plain JSON values, and decoding.

Decoding is tolerant: unknown fields are ignored, so a producer may add fields at any time. A
missing field, or one of a wrong type or out of its bounds, is an error that names the field. The
error of a table's row names the row too.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import MISSING, asdict, fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from lambdas.contracts.bounds import DEFAULT_BOUNDS, Bounds, quoted

T = TypeVar("T")

JSON_TYPES: dict[type, str] = {str: "string", int: "integer", bool: "boolean"}


MAX_NAMED = 20
"""The most problems that an error's text names. It becomes the reason of a dead letter, which has
to fit into a message; a thousand bad items would not."""


class ContractError(Exception):
    """The data does not fit the contract; ``problems`` has a line for each bad field."""

    def __init__(self, contract: str, problems: list[str]) -> None:
        left_out = len(problems) - MAX_NAMED
        more = [f"and {left_out} more"] if left_out > 0 else []
        super().__init__(f"not a {contract}: " + "; ".join([*problems[:MAX_NAMED], *more]))
        self.problems = problems


class UnreadableRowError(ContractError):
    """A row does not fit its contract, because somebody edited it; the text names the row.

    A bad command raises ContractError itself: it stays bad, whereas a row may be mended.
    """


def encode(value: Any) -> dict[str, Any]:
    """Return a contract's dataclass as a plain dictionary, ready for ``json.dumps``."""
    return asdict(value)


def decode(contract: type[T], data: object) -> T:
    """Build ``contract`` from plain JSON data.

    Raises:
        ContractError: naming every field that is missing, of a wrong type or out of its bounds.
    """
    problems: list[str] = []
    value = _build(contract, data, "", problems)
    if problems:
        raise ContractError(contract.__name__, problems)
    return value  # type: ignore[no-any-return]


def read_row(contract: type[T], row: Mapping[str, Any], *key: str) -> T:
    """Return a row as a value of its contract. ``key`` has the names of the key's columns.

    Raises:
        UnreadableRowError: naming the row, and every column that is missing or of a wrong type.
    """
    try:
        return decode(contract, row)
    except ContractError as error:
        raise unreadable(contract, row, *key, problems=error.problems) from None


def unreadable(
    contract: type, row: Mapping[str, Any], *key: str, problems: list[str]
) -> UnreadableRowError:
    """Return the error that names a row by its key, and these problems."""
    names = [quoted(str(row.get(name))).strip("'") for name in key]
    return UnreadableRowError(" ".join([contract.__name__, *names]), problems)


def field_types(contract: type) -> dict[str, Any]:
    """Return the type of each field of a dataclass, in order. ``Annotated`` keeps its bounds."""
    return _field_types(contract)


@cache
def _field_types(contract: Any) -> dict[str, Any]:
    hints = get_type_hints(contract, include_extras=True)
    return {f.name: hints[f.name] for f in fields(contract)}


def unwrap_optional(kind: Any) -> Any | None:
    """Return ``X`` of ``X | None``, and None for any other type."""
    if get_origin(kind) not in (Union, UnionType):
        return None
    (inner,) = (arg for arg in get_args(kind) if arg is not NoneType)
    return inner


def split_bounds(kind: Any) -> tuple[Any, Bounds | None]:
    """Return a field's type without ``Annotated``, and its bounds or the type's default."""
    if get_origin(kind) is Annotated:
        plain, bounds = get_args(kind)
        return plain, bounds
    return kind, DEFAULT_BOUNDS.get(get_origin(kind) or kind)


def _build(kind: Any, data: object, path: str, problems: list[str]) -> Any:
    inner = unwrap_optional(kind)
    if inner is not None:
        return None if data is None else _build(inner, data, path, problems)
    plain, bounds = split_bounds(kind)
    found = len(problems)
    value = _build_plain(plain, data, path, problems)
    if bounds is not None and len(problems) == found and (problem := bounds.problem(value)):
        problems.append(f"{path} {problem}")
    return value


def _build_plain(kind: Any, data: object, path: str, problems: list[str]) -> Any:
    if get_origin(kind) in (tuple, Sequence):
        return _build_list(get_args(kind)[0], data, path, problems)
    if get_origin(kind) is Set:
        return _build_set(get_args(kind)[0], data, path, problems)
    if is_dataclass(kind):
        return _build_object(kind, data, path, problems)  # type: ignore[arg-type]
    if issubclass(kind, StrEnum):
        return _build_member(kind, data, path, problems)
    # bool is a subclass of int in Python, but not a number in JSON.
    if type(data) is not kind:
        problems.append(f"{path} must be {_article(JSON_TYPES[kind])}, not {_name(data)}")
    return data


def _build_member(kind: type[StrEnum], data: object, path: str, problems: list[str]) -> Any:
    if isinstance(data, str) and data in set(kind):
        return kind(data)
    problems.append(f"{path} must be one of {', '.join(kind)}, not {_quoted(data)}")
    return data


def _build_list(kind: Any, data: object, path: str, problems: list[str]) -> Any:
    if not isinstance(data, list | tuple):
        problems.append(f"{path} must be an array, not {_name(data)}")
        return ()
    return tuple(_build(kind, item, f"{path}[{i}]", problems) for i, item in enumerate(data))


def _build_set(kind: Any, data: object, path: str, problems: list[str]) -> Any:
    """Build a set. Only rows of DynamoDB have sets; JSON has none."""
    if not isinstance(data, Set):
        problems.append(f"{path} must be a set, not {_name(data)}")
        return frozenset()
    return frozenset(_build(kind, item, f"{path}[]", problems) for item in data)


def _build_object(kind: type, data: object, path: str, problems: list[str]) -> Any:
    if not isinstance(data, dict):
        problems.append(f"{path or 'it'} must be an object, not {_name(data)}")
        return None
    found = len(problems)
    values: dict[str, Any] = {}
    types = field_types(kind)
    for field in fields(kind):
        place = f"{path}.{field.name}" if path else field.name
        if field.name in data:
            values[field.name] = _build(types[field.name], data[field.name], place, problems)
        elif field.default is MISSING and field.default_factory is MISSING:
            problems.append(f"{place} is missing")
    return kind(**values) if len(problems) == found else None


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _quoted(data: object) -> str:
    return quoted(str(data)) if isinstance(data, str) else _name(data)


def _name(data: object) -> str:
    return "null" if data is None else type(data).__name__

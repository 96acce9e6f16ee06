"""The rules of requests' fields, and the parser of requests.

A request is a dataclass. Each field is annotated with its rule: ``sku: Annotated[str, Sku()]``. The
same rules make the schemas of ``docs/openapi.json``. Unknown fields are ignored, so that clients
may send more.
"""

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import Any, Protocol, TypeVar, get_args, get_type_hints

from lambdas.contracts.problems import FieldProblem, InvalidRequestError
from lambdas.contracts.text import sku_problem, text_problem

T = TypeVar("T")
MAX_SKU = 64


class Rule(Protocol):
    """The rule of a request's field: which values are valid."""

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with the value; None if nothing is."""

    def schema(self) -> dict[str, Any]:
        """Return the rule as a JSON Schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text of visible characters, not only spaces, of at most ``maximum`` characters."""

    maximum: int
    """The most characters."""
    pattern: str | None = None
    """A regular expression that the whole text matches."""
    hint: str | None = None
    """What the text must be, for people; needed with a pattern."""

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with the text; None if nothing is."""
        if not isinstance(value, str) or not value.strip() or len(value) > self.maximum:
            return self.hint or f"must be a text of 1 to {self.maximum} letters"
        if problem := text_problem(value):
            return problem
        return None if re.fullmatch(self.pattern or ".*", value) else self.hint

    def schema(self) -> dict[str, Any]:
        """Return the rule as a JSON Schema."""
        pattern = {"pattern": f"^(?:{self.pattern})$"} if self.pattern else {}
        return {"type": "string", "minLength": 1, "maxLength": self.maximum, **pattern}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sku:
    """A SKU: visible characters that can stand in the path of a URL."""

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with the SKU; None if nothing is."""
        return Text(maximum=MAX_SKU).problem(value) or sku_problem(value)

    def schema(self) -> dict[str, Any]:
        """Return the rule as a JSON Schema."""
        return Text(maximum=MAX_SKU).schema()


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeNumber:
    """An integer from ``minimum`` to ``maximum``. A boolean is no integer, nor is ``1.0``."""

    minimum: int
    maximum: int

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with the number; None if nothing is."""
        if type(value) is int and self.minimum <= value <= self.maximum:
            return None
        return f"must be a whole number from {self.minimum} to {self.maximum}"

    def schema(self) -> dict[str, Any]:
        """Return the rule as a JSON Schema."""
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of the texts in ``among``."""

    among: tuple[str, ...]

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with the text; None if nothing is."""
        return None if value in self.among else f"must be {' or '.join(self.among)}"

    def schema(self) -> dict[str, Any]:
        """Return the rule as a JSON Schema."""
        return {"type": "string", "enum": list(self.among)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """An array of objects. ``noun`` is what messages call one of them."""

    maximum: int
    noun: str
    may_be_empty: bool = False

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with the array's type or length. The items are checked elsewhere."""
        if not isinstance(value, list) or not (value or self.may_be_empty):
            least = f"{self.noun}s" if self.may_be_empty else f"at least one {self.noun}"
            return f"must be an array of {least}"
        # Each item may have a problem of its own, and a response is limited to 6 MB.
        if len(value) > self.maximum:
            return f"must be at most {self.maximum} {self.noun}s, not {len(value)}"
        return None

    def schema(self) -> dict[str, Any]:
        """Return the rule as a JSON Schema, without the schema of the items."""
        least = {} if self.may_be_empty else {"minItems": 1}
        return {"type": "array", **least, "maxItems": self.maximum}


def parse_request(kind: type[T], data: object) -> T:
    """Return the request that plain JSON describes.

    Raises:
        InvalidRequestError: naming every bad field.
    """
    request, problems = check_request(kind, data)
    if request is None:
        raise InvalidRequestError(problems)
    return request


def check_request(kind: type[T], data: object) -> tuple[T | None, list[FieldProblem]]:
    """Return the request, or None, and its bad fields. For callers that have more to check."""
    problems: list[FieldProblem] = []
    request = _build(kind, data, "", problems)
    return (None if problems else request), problems


def check_headers(kind: type, headers: Mapping[str, str]) -> list[FieldProblem]:
    """Return every bad header.

    The fields of ``kind`` are named like headers: ``idempotency_key``.
    """
    names = {header_name(each.name): each.name for each in fields(kind)}
    _, problems = check_request(kind, {names[n]: v for n, v in headers.items() if n in names})
    return [FieldProblem(field=header_name(p.field), problem=p.problem) for p in problems]


def header_name(field: str) -> str:
    """Return a header's name: ``Idempotency-Key`` for the field ``idempotency_key``."""
    return field.replace("_", "-").title()


@cache
def rules_of(kind: Any) -> dict[str, tuple[Any, Rule]]:
    """Return the type and the rule of each field of a request."""
    hints = get_type_hints(kind, include_extras=True)
    return {each.name: get_args(hints[each.name])[:2] for each in fields(kind)}


def item_type(kind: Any) -> Any | None:
    """Return the dataclass of an array's items; None if ``kind`` is no array of dataclasses."""
    item = (get_args(kind) or (None,))[0]
    return item if is_dataclass(item) else None


def _build(kind: Any, data: object, path: str, problems: list[FieldProblem]) -> Any:
    if not isinstance(data, Mapping):
        no_object = "must be an object" if path else "must be a JSON object"
        problems.append(FieldProblem(field=path or "body", problem=no_object))
        return None
    found = len(problems)
    values: dict[str, Any] = {}
    for each in fields(kind):
        type_, rule = rules_of(kind)[each.name]
        if each.name not in data and not (
            each.default is MISSING and each.default_factory is MISSING
        ):
            continue
        place = f"{path}.{each.name}".lstrip(".")
        value: Any = data.get(each.name)
        problem = rule.problem(value)
        if problem is not None:
            problems.append(FieldProblem(field=place, problem=problem))
        elif item := item_type(type_):
            value = tuple(_build(item, v, f"{place}[{i}]", problems) for i, v in enumerate(value))
        values[each.name] = value
    return kind(**values) if len(problems) == found else None

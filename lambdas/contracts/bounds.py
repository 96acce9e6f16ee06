"""The bounds of a contract's field, beyond its type: values that every consumer can store.

A field's type is ``Annotated`` with its bounds; ``values.py`` names the common ones. A text, an
integer or an array without bounds of its own has ``DEFAULT_BOUNDS``, so each field is bounded.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

MAX_INTEGER = 2**53 - 1
"""The largest integer that every reader of JSON keeps exact; DynamoDB keeps 38 digits.
https://www.rfc-editor.org/rfc/rfc8259#section-6
"""
MAX_TEXT = 2_000
MAX_ITEMS = 1_000
_SHOWN = 40


class Bounds(Protocol):
    """The bounds of a field: which values of its type are valid."""

    def problem(self, value: Any) -> str:
        """Return what is wrong with a value of the right type; empty if it is within the bounds."""

    def schema(self) -> Mapping[str, Any]:
        """Return the bounds as keywords of JSON Schema, such as ``{"maxLength": 2000}``."""

    def label(self) -> str:
        """Return the bounds in words, to follow the type's name; empty for the default bounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextBounds:
    """The length of a text in characters, and the pattern that it matches.

    NUL and lone surrogates fit no text: PostgreSQL stores no NUL, and UTF-8 has no surrogates.
    """

    minimum: int = 0
    maximum: int = MAX_TEXT
    pattern: str = ""

    def problem(self, value: str) -> str:
        """Return what is wrong with the text's length or characters; empty if nothing is."""
        if not self.minimum <= len(value) <= self.maximum:
            return f"must have {self.minimum} to {self.maximum} characters, not {len(value)}"
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            return "must have no NUL and no lone surrogate"
        if self.pattern and not re.fullmatch(self.pattern, value):
            return f"must match {self.pattern}, not {quoted(value)}"
        return ""

    def schema(self) -> Mapping[str, Any]:
        """Return the length and the pattern as keywords of JSON Schema."""
        return {
            **({"minLength": self.minimum} if self.minimum else {}),
            "maxLength": self.maximum,
            **({"pattern": f"^{self.pattern}$"} if self.pattern else {}),
        }

    def label(self) -> str:
        """Return the length, and the pattern if there is one, in words; empty for the default."""
        if self == TextBounds():
            return ""
        return f" that matches `{self.pattern}`" if self.pattern else _range(self, " characters")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeBounds:
    """A time with its offset from UTC (RFC 3339), of the years 2000 to 2199.

    The year is bounded because a time near the first or last year of Python's calendar cannot be
    converted to UTC.
    """

    pattern = (
        r"2[01][0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
        r"(Z|[+-][0-9]{2}:[0-9]{2})"
    )

    def problem(self, value: str) -> str:
        """Return what is wrong with the time's format or year; empty if nothing is."""
        try:
            if re.fullmatch(self.pattern, value) and datetime.fromisoformat(value).tzinfo:
                return ""
        except ValueError:
            pass
        return (
            "must be a time with its offset from UTC, of the years 2000 to 2199, such as "
            f"2026-12-01T08:26:00+00:00, not {quoted(value)}"
        )

    def schema(self) -> Mapping[str, Any]:
        """Return the format ``date-time`` as a keyword of JSON Schema."""
        return {"format": "date-time", "pattern": f"^{self.pattern}$"}

    def label(self) -> str:
        """Return the format in words."""
        return ": a time with its offset from UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegerBounds:
    """The range of an integer."""

    minimum: int = -MAX_INTEGER
    maximum: int = MAX_INTEGER

    def problem(self, value: int) -> str:
        """Return what is wrong with the integer; empty if it is in the range."""
        if self.minimum <= value <= self.maximum:
            return ""
        # Python raises ValueError when an integer of more than 4,300 digits becomes a text.
        found = value if abs(value) < 10**_SHOWN else "a longer one"
        return f"must be an integer from {self.minimum} to {self.maximum}, not {found}"

    def schema(self) -> Mapping[str, Any]:
        """Return the range as keywords of JSON Schema."""
        return {"minimum": self.minimum, "maximum": self.maximum}

    def label(self) -> str:
        """Return the range in words; empty for the default."""
        if self == IntegerBounds():
            return ""
        return f" from {self.minimum}" if self.maximum == MAX_INTEGER else _range(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayBounds:
    """The number of items of an array."""

    minimum: int = 0
    maximum: int = MAX_ITEMS

    def problem(self, value: Sequence[object]) -> str:
        """Return what is wrong with the number of items; empty if it is in the range."""
        if self.minimum <= len(value) <= self.maximum:
            return ""
        return f"must have {self.minimum} to {self.maximum} items, not {len(value)}"

    def schema(self) -> Mapping[str, Any]:
        """Return the range of the number of items as keywords of JSON Schema."""
        minimum = {"minItems": self.minimum} if self.minimum else {}
        return {**minimum, "maxItems": self.maximum}

    def label(self) -> str:
        """Return the range of the number of items in words; empty for the default."""
        return "" if self == ArrayBounds() else _range(self, " items")


DEFAULT_BOUNDS: Mapping[type, Bounds] = {
    str: TextBounds(),
    int: IntegerBounds(),
    tuple: ArrayBounds(),
    Sequence: ArrayBounds(),
}


def quoted(text: str) -> str:
    """Return a text in quotes for a message: escaped, and cut off after 40 characters."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


def _range(bounds: TextBounds | IntegerBounds | ArrayBounds, unit: str = "") -> str:
    between = "from" if not unit else "of"
    return f" {between} {bounds.minimum} to {bounds.maximum}{unit}"

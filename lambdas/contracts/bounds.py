"""What a field may hold, beyond its type: what every consumer and its database can bear.

A field's type is ``Annotated`` with its bounds; ``values.py`` names the common ones. A text, an
integer or an array without bounds of its own has ``DEFAULT_BOUNDS``, so no field is without.
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
    """The bounds of one type's values."""

    def problem(self, value: Any) -> str:
        """Return what is wrong with a value of the right type; empty if it fits."""

    def schema(self) -> Mapping[str, Any]:
        """Return the keywords of JSON Schema that say the same."""

    def label(self) -> str:
        """Return the bounds for people, to follow the type's name; empty for the default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextBounds:
    """The length of a text in characters, and the pattern that it matches.

    NUL and lone surrogates fit no text: PostgreSQL stores no NUL, and UTF-8 has no surrogates.
    """

    minimum: int = 0
    maximum: int = MAX_TEXT
    pattern: str = ""

    def problem(self, value: str) -> str:
        """See ``Bounds``."""
        if not self.minimum <= len(value) <= self.maximum:
            return f"must have {self.minimum} to {self.maximum} characters, not {len(value)}"
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            return "must have no NUL and no lone surrogate"
        if self.pattern and not re.fullmatch(self.pattern, value):
            return f"must match {self.pattern}, not {quoted(value)}"
        return ""

    def schema(self) -> Mapping[str, Any]:
        """See ``Bounds``."""
        return {
            **({"minLength": self.minimum} if self.minimum else {}),
            "maxLength": self.maximum,
            **({"pattern": f"^{self.pattern}$"} if self.pattern else {}),
        }

    def label(self) -> str:
        """See ``Bounds``."""
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
        """See ``Bounds``."""
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
        """See ``Bounds``."""
        return {"format": "date-time", "pattern": f"^{self.pattern}$"}

    def label(self) -> str:
        """See ``Bounds``."""
        return ": a time with its offset from UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegerBounds:
    """The range of an integer."""

    minimum: int = -MAX_INTEGER
    maximum: int = MAX_INTEGER

    def problem(self, value: int) -> str:
        """See ``Bounds``."""
        if self.minimum <= value <= self.maximum:
            return ""
        # Python refuses to write an integer of more than 4,300 digits.
        found = value if abs(value) < 10**_SHOWN else "a longer one"
        return f"must be an integer from {self.minimum} to {self.maximum}, not {found}"

    def schema(self) -> Mapping[str, Any]:
        """See ``Bounds``."""
        return {"minimum": self.minimum, "maximum": self.maximum}

    def label(self) -> str:
        """See ``Bounds``."""
        if self == IntegerBounds():
            return ""
        return f" from {self.minimum}" if self.maximum == MAX_INTEGER else _range(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayBounds:
    """How many items an array has."""

    minimum: int = 0
    maximum: int = MAX_ITEMS

    def problem(self, value: Sequence[object]) -> str:
        """See ``Bounds``."""
        if self.minimum <= len(value) <= self.maximum:
            return ""
        return f"must have {self.minimum} to {self.maximum} items, not {len(value)}"

    def schema(self) -> Mapping[str, Any]:
        """See ``Bounds``."""
        minimum = {"minItems": self.minimum} if self.minimum else {}
        return {**minimum, "maxItems": self.maximum}

    def label(self) -> str:
        """See ``Bounds``."""
        return "" if self == ArrayBounds() else _range(self, " items")


DEFAULT_BOUNDS: Mapping[type, Bounds] = {
    str: TextBounds(),
    int: IntegerBounds(),
    tuple: ArrayBounds(),
    Sequence: ArrayBounds(),
}


def quoted(text: str) -> str:
    """Return a text in quotes for a message, its special characters escaped, and not too long."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


def _range(bounds: TextBounds | IntegerBounds | ArrayBounds, unit: str = "") -> str:
    between = "from" if not unit else "of"
    return f" {between} {bounds.minimum} to {bounds.maximum}{unit}"

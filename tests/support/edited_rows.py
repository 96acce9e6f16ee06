"""Rows that somebody edited: every kind of damage to every attribute."""

from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from tests.support.lived_platform import Item

DAMAGES: Mapping[str, Mapping[str, Any] | None] = {
    "missing": None,
    "null": {"NULL": True},
    "bool": {"BOOL": True},
    "empty text": {"S": ""},
    "letters": {"S": "letters"},
    "long text": {"S": "x" * 50_000},
    "control characters": {"S": "\x1b[31m\u202e\n\0"},
    "time of no year": {"S": "0001-01-01T00:00:00+14:00"},
    "time without offset": {"S": "2030-01-01T00:00:00"},
    "zero": {"N": "0"},
    "negative": {"N": "-1"},
    "fraction": {"N": "0.5"},
    "38 digits": {"N": "9" * 38},
    "tiny": {"N": "1E-130"},
    "largest": {"N": "9.9E+125"},
    "empty list": {"L": []},
    "list": {"L": [{"S": "x"}, {"NULL": True}]},
    "empty map": {"M": {}},
    "map": {"M": {"x": {"N": "1"}}},
    "texts": {"SS": ["x", "y"]},
    "numbers": {"NS": ["1", "0.5"]},
    "binary": {"B": "AAE="},
    "binaries": {"BS": ["AAE="]},
}
"""What an attribute may become; None removes it. DynamoDB itself refuses more than 38 digits, and
what is no text in the key of an index.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""
NEVER_WRITTEN = ("edited", "edited/7")
"""Attributes that no row has. Rows of views have one with a slash for each event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """The damage to one attribute of a row; ``path`` leads into its lists and maps."""

    path: tuple[str, ...]
    damage: str

    def __str__(self) -> str:
        return f"{'.'.join(self.path)}: {self.damage}"

    def apply(self, row: Item) -> Item:
        """Return the row with the damage."""
        edited: Any = deepcopy(dict(row))
        inner = edited
        for name in self.path[:-1]:
            ((_, inner),) = _at(inner, name).items()
        last: Any = self.path[-1] if isinstance(inner, dict) else int(self.path[-1])
        if (value := DAMAGES[self.damage]) is None:
            del inner[last]
        else:
            inner[last] = deepcopy(value)
        found: Item = edited
        return found


def _at(inner: Any, name: str) -> Any:
    return inner[name] if isinstance(inner, dict) else inner[int(name)]


def edits(row: Item, *, key: Collection[str], others: Collection[str]) -> Iterator[Edit]:
    """Yield every edit of a row that leaves its key.

    ``others`` are attributes that other rows of the table have: somebody may add one.
    """
    for path in _places(row):
        if path[0] not in key:
            yield from (Edit(path=path, damage=damage) for damage in DAMAGES)
    for name in sorted({*others, *NEVER_WRITTEN} - set(row)):
        yield from (Edit(path=(name,), damage=damage) for damage in DAMAGES if DAMAGES[damage])


def _places(item: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the places of all attributes; of a list, those in its first item."""
    inner = item.items() if isinstance(item, Mapping) else list(enumerate(item))[:1]
    for name, attribute in inner:
        yield (*at, str(name))
        ((kind, value),) = attribute.items()
        if kind in "ML":
            yield from _places(value, (*at, str(name)))

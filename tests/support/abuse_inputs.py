"""Generated and mutated inputs: from the schemas of the HTTP API, and from events and rows."""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

Path = tuple[str | int, ...]

TEXTS = (
    "", " ", "\0", "\x1b[31m", "\ud800", "\u202e", "\ufeff", "ｃｕｐ", "é" * 300, "x" * 3_000, "..",
    "../x", "%2F", "cup/", "/cup", "<b>", "'; DROP TABLE charges;--", "{{7*7}}", "=1+1",
    "a@b\r\nBcc: c@d.example", "null", "NaN", "1e400", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00", "2026-12-01T08:26:00", "2026-02-30T08:26:00+00:00", "2026-12-01",
    "PLACED", "CANCELLED", "SHIPPING", "WAITING",
)  # fmt: skip
NUMBERS = (0, -1, 1, 2**31, 2**53 - 1, 2**53, -(2**63), 10**30, 1.0, 0.1, -0.0, 1e300)
NOT_JSON = (
    b"", b"null", b"[]", b"0", b'"x"', b"{", b"\xff\xfe", b"NaN", b"[" * 100_000, b"1" * 5_000,
    b'{"detail":' * 500, b'{"a":1,"a":2}', b"\xef\xbb\xbf{}", b'{"source":null,"detail-type":[]}',
)  # fmt: skip
"""Bodies that are no event: most are no JSON, or none that Python reads."""

scalars: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(TEXTS),
    st.sampled_from(NUMBERS),
    st.none(),
    st.booleans(),
    st.text(max_size=12),
    st.integers(),
)
values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=4,
)
clean_texts = st.one_of(st.sampled_from(TEXTS), st.text(max_size=80)).map(
    lambda text: text.encode(errors="ignore").decode()
)
"""Texts as they come in paths, queries and headers: UTF-8, so without lone surrogates."""


def paths(value: Any, at: Path = ()) -> Iterator[Path]:
    """Yield the places in plain JSON, the outermost first."""
    yield at
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from paths(inner, (*at, name))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from paths(inner, (*at, i))


def found(value: Any, path: Path) -> Any:
    """Return what is at a place."""
    for key in path:
        value = value[key]
    return value


@st.composite
def mutations(draw: st.DrawFn, value: Any, *, below: Path = ()) -> Any:
    """Draw ``value`` with one to three changes at or below a place; its root keeps its type."""
    changed = deepcopy(value)
    for _ in range(draw(st.integers(1, 3))):
        places = [p for p in paths(found(changed, below), below) if p != below]
        if places:
            changed = _changed(draw, changed, draw(st.sampled_from(places)))
    return changed


def _changed(draw: st.DrawFn, value: Any, path: Path) -> Any:
    *parents, last = path
    parent, present = found(value, tuple(parents)), found(value, path)
    match draw(st.sampled_from(("replace", "replace", "everywhere", "remove", "repeat", "other"))):
        case "everywhere" if isinstance(present, str):
            new = draw(scalars)
            return _mapped(value, lambda each: new if each == present else each)
        case "remove":
            del parent[last]
        case "repeat" if isinstance(present, list) and present:
            parent[last] = present * draw(st.sampled_from((2, 91, 1_001)))
        case "other":
            parent[last] = deepcopy(found(value, draw(st.sampled_from(list(paths(value))))))
        case _:
            parent[last] = draw(values)
    return value


def _mapped(value: Any, change: Any) -> Any:
    match value:
        case dict():
            return {name: _mapped(inner, change) for name, inner in value.items()}
        case list():
            return [_mapped(inner, change) for inner in value]
    return change(value)


KNOWN = {
    "currency": ("GBP",),
    "day": ("2026-12-01",),
    "email": ("ada@example.com", "ada.b@example.co.uk"),
    "limit": ("1", "100"),
    "name": ("Ada", "Jean-Luc O’Hara"),
    "valid_from": (None, "2031-01-01T00:00:00Z"),
    "valid_until": (None, "2032-01-01T00:00:00+01:00"),
}
"""Valid values of fields, by their names: most fields of a schema alone are not valid together."""


def from_schema(
    schema: Mapping[str, Any], schemas: Mapping[str, Any], *, name: str = ""
) -> st.SearchStrategy[Any]:
    """What fits a schema of the HTTP API's document; a field's ``name`` says what fits it best."""
    if "$ref" in schema:
        return from_schema(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if name in KNOWN:
        return st.sampled_from(KNOWN[name])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "integer":
            low, high = schema["minimum"], schema["maximum"]
            return st.integers(low, high) | st.sampled_from((low, high))
        case "array":
            items = from_schema(schema["items"], schemas)
            return st.lists(items, min_size=schema.get("minItems", 0), max_size=3)
        case "object":
            fields = {n: from_schema(s, schemas, name=n) for n, s in schema["properties"].items()}
            required = {n: field for n, field in fields.items() if n in schema["required"]}
            optional = {n: field for n, field in fields.items() if n not in required}
            return st.fixed_dictionaries(required, optional=optional)
    if "pattern" in schema:
        return st.from_regex(re.compile(schema["pattern"], re.ASCII), fullmatch=True)
    letters = st.characters(categories=["L", "N"])
    return st.text(letters, min_size=1, max_size=schema.get("maxLength", 20))


def attribute(value: Any) -> dict[str, Any]:
    """Return plain JSON as DynamoDB's attribute value, as far as DynamoDB could store it."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": str(value)}
        case str():
            return {"S": value.encode(errors="replace").decode()}
        case list():
            return {"L": [attribute(each) for each in value]}
        case dict():
            return {"M": {name: attribute(each) for name, each in value.items()}}
    raise TypeError(value)


def plain(attribute: Mapping[str, Any]) -> Any:
    """Return DynamoDB's attribute value as plain JSON; a set is a list."""
    ((kind, value),) = attribute.items()
    match kind:
        case "N":
            return int(value) if re.fullmatch("-?[0-9]+", value) else float(value)
        case "NULL":
            return None
        case "L":
            return [plain(each) for each in value]
        case "M":
            return {name: plain(each) for name, each in value.items()}
    return value

"""The bounds of fields: all consumers can bear what a contract admits."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.contracts.bounds import MAX_INTEGER, MAX_ITEMS, MAX_TEXT, IntegerBounds, quoted
from lambdas.contracts.codec import ContractError, decode
from lambdas.contracts.event import Event
from lambdas.contracts.orders import OrderPlaced
from lambdas.contracts.parsing import parse_detail
from lambdas.contracts.values import Time
from lambdas.runtime.dynamodb import to_item
from tests.contracts.catalog import EVENTS, detail_of
from tests.contracts.test_event_docs import faults
from tools.json_schema import detail_schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbounded:
    """Fields without bounds of their own."""

    text: str = ""
    number: int = 0
    items: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    at: Time


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"text": "a" * (MAX_TEXT + 1)}, "text must have 0 to 2000 characters, not 2001"),
        ({"text": "a\0"}, "text must have no NUL and no lone surrogate"),
        ({"text": "\ud800"}, "text must have no NUL and no lone surrogate"),
        ({"number": MAX_INTEGER + 1}, "number must be an integer from .* not 9007199254740992"),
        ({"number": -(10**5_000)}, "number must be an integer from .* not a longer one"),
        ({"items": [0] * (MAX_ITEMS + 1)}, "items must have 0 to 1000 items, not 1001"),
        ({"items": [MAX_INTEGER + 1]}, r"items\[0\] must be an integer from"),
    ],
)
def test_field_without_bounds_of_its_own_has_default_bounds(changed: Any, problem: str):
    with pytest.raises(ContractError, match=problem):
        decode(Unbounded, changed)


@pytest.mark.parametrize(
    "time",
    [
        "2026-12-01T08:26:00Z",
        "2026-12-01T08:26:00.123Z",
        "2026-12-01T08:26:00.123456+00:00",
        "2000-01-01T00:00:00+14:00",
        "2199-12-31T23:59:59-14:00",
    ],
)
def test_time_with_its_offset_fits(time: str):
    assert decode(Timed, {"at": time}).at == time
    assert datetime.fromisoformat(time).astimezone(UTC)


@pytest.mark.parametrize(
    "time",
    [
        "",
        "yesterday",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-12-01T08:26:00",
        "2026-12-01",
        "2026-02-30T08:26:00Z",
        "2026-W49-2T08:26:00Z",
        "2026-12-01T08:26:00+99:00",
        "2026-12-01T08:26:00Z\n",
        "20２6-12-01T08:26:00Z",
    ],
)
def test_time_that_consumers_cannot_convert_is_refused(time: str):
    with pytest.raises(ContractError, match="at must be a time with its offset from UTC"):
        decode(Timed, {"at": time})


HOSTILE: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(["", "a" * 300, "\0", "\ud800", "\x1b[2J", "0001-01-01T00:00:00+14:00"]),
    st.integers(min_value=-(10**40), max_value=10**40),
    st.none() | st.booleans() | st.floats(),
    st.just([]) | st.just({}),
    st.text(max_size=5),
)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to all values inside of a value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    found: list[tuple[Any, ...]] = []
    for key, inner in pairs:
        found.append((*path, key))
        if isinstance(inner, dict | list):
            found += leaves(inner, (*path, key))
    return found


def with_changed(value: Any, path: tuple[Any, ...], new: object) -> Any:
    changed = json.loads(json.dumps(value))
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return changed


@given(st.data())
def test_any_valid_event_can_be_stored_and_published_and_fits_its_schema(data: st.DataObject):
    event: type[Event] = data.draw(st.sampled_from(EVENTS))
    sample = detail_of(event)
    path = data.draw(st.sampled_from(leaves(sample)))
    detail = with_changed(sample, path, data.draw(HOSTILE))
    try:
        parsed = parse_detail(event, detail)
    except ContractError:
        return

    if event.publishes < event.version:
        return  # The schema is that of the newest version.
    schema = detail_schema(event)
    assert faults(detail, schema, schema) == []
    entry = parsed.to_put_events_entry("Orders")
    assert entry["Time"].astimezone(UTC)
    assert entry["Detail"].encode()
    to_item(json.loads(entry["Detail"]))


def test_texts_of_an_order_line_are_bounded():
    detail = detail_of(OrderPlaced)
    detail["data"]["lines"][0] |= {"sku": "a" * 65, "quantity": 0}
    detail["data"]["total"]["currency"] = "pounds"

    with pytest.raises(ContractError) as refused:
        parse_detail(OrderPlaced, detail)

    assert refused.value.problems == [
        "lines[0].sku must have 1 to 64 characters, not 65",
        "lines[0].quantity must be an integer from 1 to 1000000000, not 0",
        "total.currency must match [A-Z]{3}, not 'pounds'",
    ]


def test_message_has_forty_letters_or_digits_of_a_value_at_most():
    assert quoted("x" * 40) == repr("x" * 40)
    assert IntegerBounds().problem(10**40).endswith("not a longer one")

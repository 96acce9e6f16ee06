"""Requests are parsed by the rules of their fields, and responses are encoded from dataclasses."""

from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from lambdas.contracts.problems import FieldProblem, InvalidRequestError
from lambdas.contracts.requests import (
    Choice,
    Items,
    Sku,
    Text,
    WholeNumber,
    check_headers,
    parse_request,
)
from lambdas.contracts.responses import encode_response
from lambdas.contracts.values import Time


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    sku: Annotated[str, Sku()]
    number: Annotated[int, WholeNumber(minimum=1, maximum=9)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    code: Annotated[str, Text(maximum=3, pattern="[A-Z]+", hint="must be capitals")]
    parts: Annotated[tuple[Part, ...], Items(maximum=2, noun="part")]
    size: Annotated[str, Choice(among=("S", "L"))] = "S"
    spares: Annotated[tuple[Part, ...], Items(maximum=2, noun="spare", may_be_empty=True)] = ()


GOOD: dict[str, Any] = {"code": "AB", "parts": [{"sku": "a/b", "number": 1}]}


def fields(data: object) -> list[str]:
    with pytest.raises(InvalidRequestError) as bad:
        parse_request(Thing, data)
    assert all(each.problem for each in bad.value.errors)
    return [each.field for each in bad.value.errors]


def test_request_is_parsed_with_its_defaults_and_unknown_fields_are_ignored():
    parsed = parse_request(Thing, GOOD | {"colour": "red"})

    assert parsed == Thing(code="AB", parts=(Part(sku="a/b", number=1),), size="S")


@pytest.mark.parametrize(
    ("change", "bad"),
    [
        ({"code": "ab"}, ["code"]),
        ({"code": "A\n"}, ["code"]),
        ({"code": None}, ["code"]),
        ({"size": "M"}, ["size"]),
        ({"size": ["S"]}, ["size"]),
        ({"parts": []}, ["parts"]),
        ({"parts": GOOD["parts"] * 3}, ["parts"]),
        ({"spares": None}, ["spares"]),
        ({"spares": GOOD["parts"] * 3}, ["spares"]),
        (
            {"parts": [0, {"sku": "a\u202eb", "number": True}]},
            ["parts[0]", "parts[1].sku", "parts[1].number"],
        ),
        ({"code": "", "parts": [{}]}, ["code", "parts[0].sku", "parts[0].number"]),
    ],
)
def test_every_bad_field_is_named_with_its_place(change: dict[str, Any], bad: list[str]):
    assert fields(GOOD | change) == bad


def test_array_that_may_be_empty_is_parsed_when_it_is():
    assert parse_request(Thing, GOOD | {"spares": []}).spares == ()


@pytest.mark.parametrize("data", [None, [], "x", 1])
def test_body_that_is_no_object_is_named(data: object):
    assert fields(data) == ["body"]


def test_empty_text_is_named_as_its_rule_says():
    assert Text(maximum=3, pattern="[a-z]+", hint="must be a word").problem("") == "must be a word"


def test_header_is_named_as_clients_write_it():
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Headers:
        some_key: Annotated[str, Text(maximum=3)]

    assert check_headers(Headers, {"Some-Key": "abc"}) == []
    assert [each.field for each in check_headers(Headers, {"Some-Key": "\u200b"})] == ["Some-Key"]
    assert [each.field for each in check_headers(Headers, {})] == ["Some-Key"]


def test_response_has_times_in_one_format_and_no_absent_fields():
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Shown:
        at: Time
        next: str | None
        held: bool | None = None
        until: Time | None = None
        inner: tuple[object, ...] = ()

    shown = Shown(at="2026-12-01T08:26:00+00:00", next=None)

    assert encode_response(Shown(at=shown.at, next="x", until=shown.at, inner=(shown,))) == {
        "at": "2026-12-01T08:26:00.000Z",
        "next": "x",
        "until": "2026-12-01T08:26:00.000Z",
        "inner": [{"at": "2026-12-01T08:26:00.000Z", "next": None, "inner": []}],
    }


@pytest.mark.parametrize(("number", "end"), [(3, "f is bad"), (4, "and 1 more")])
def test_detail_names_three_bad_fields_and_counts_the_others(number: int, end: str):
    assert str(InvalidRequestError([FieldProblem(field="f", problem="is bad")] * number)).endswith(
        f"; {end}"
    )

"""Between JSON and the contracts: tolerant of more, clear about less."""

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pytest

from lambdas.contracts.codec import MAX_NAMED, ContractError, decode, encode
from lambdas.contracts.event import Metadata
from lambdas.contracts.orders import OrderPlaced
from lambdas.contracts.parsing import parse_detail
from lambdas.contracts.shipping import BookShipment
from tests.contracts.catalog import read, sample_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    name: str
    sure: bool
    parts: tuple[Part, ...]
    spare: Part | None
    note: str = "none"


class Colour(StrEnum):
    RED = "RED"
    BLUE = "BLUE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paint:
    colour: Colour


GOOD: dict[str, Any] = {"name": "a", "sure": True, "parts": [{"number": 1}], "spare": None}


def problems_of(data: object) -> list[str]:
    with pytest.raises(ContractError) as bad:
        decode(Whole, data)
    return bad.value.problems


class TestDecode:
    def test_valid_object_is_decoded(self):
        assert decode(Whole, GOOD) == Whole(
            name="a", sure=True, parts=(Part(number=1),), spare=None, note="none"
        )

    def test_encoded_object_decodes_to_itself(self):
        whole = decode(Whole, GOOD | {"spare": {"number": 2}, "note": "some"})

        assert decode(Whole, encode(whole)) == whole

    def test_unknown_fields_are_ignored_at_any_depth(self):
        more = GOOD | {"colour": "red", "parts": [{"number": 1, "colour": "red"}]}

        assert decode(Whole, more) == decode(Whole, GOOD)

    @pytest.mark.parametrize("field", ["name", "sure", "parts", "spare"])
    def test_missing_field_is_named(self, field: str):
        assert problems_of({n: v for n, v in GOOD.items() if n != field}) == [f"{field} is missing"]

    @pytest.mark.parametrize(
        ("changed", "problem"),
        [
            ({"name": 1}, "name must be a string, not int"),
            ({"name": None}, "name must be a string, not null"),
            ({"sure": 1}, "sure must be a boolean, not int"),
            ({"parts": "x"}, "parts must be an array, not str"),
            ({"parts": [1]}, "parts[0] must be an object, not int"),
            ({"parts": [{"number": True}]}, "parts[0].number must be an integer, not bool"),
            ({"parts": [{"number": 1.5}]}, "parts[0].number must be an integer, not float"),
            ({"parts": [{"number": 1}, {}]}, "parts[1].number is missing"),
            ({"spare": {"number": "1"}}, "spare.number must be an integer, not str"),
        ],
    )
    def test_invalid_field_is_named(self, changed: dict[str, Any], problem: str):
        assert problems_of(GOOD | changed) == [problem]

    def test_every_problem_is_reported_together(self):
        assert problems_of({"name": 1, "parts": [{}], "spare": 2}) == [
            "name must be a string, not int",
            "sure is missing",
            "parts[0].number is missing",
            "spare must be an object, not int",
        ]

    @pytest.mark.parametrize("data", [None, [], "x", 1])
    def test_non_object_is_rejected(self, data: object):
        assert problems_of(data)[0].startswith("it must be an object")


class TestParseDetail:
    def test_other_version_is_refused_by_name(self):
        detail = read(sample_of(OrderPlaced))["detail"]
        detail["metadata"]["schema_version"] = 99

        with pytest.raises(ContractError, match="schema_version is 99, this code reads"):
            parse_detail(OrderPlaced, detail)

    @pytest.mark.parametrize("detail", [None, {}, {"metadata": None}, []])
    def test_detail_without_metadata_is_refused(self, detail: object):
        with pytest.raises(ContractError, match="not a Metadata"):
            parse_detail(OrderPlaced, detail)

    @pytest.mark.parametrize("field", Metadata.__dataclass_fields__)
    def test_missing_metadata_are_named(self, field: str):
        detail = read(sample_of(OrderPlaced))["detail"]
        del detail["metadata"][field]

        with pytest.raises(ContractError, match=f"{field} is missing"):
            parse_detail(OrderPlaced, detail)

    def test_data_that_do_not_fit_are_named(self):
        detail = read(sample_of(OrderPlaced))["detail"]
        del detail["data"]["total"]["currency"]
        detail["data"]["lines"][1]["sku"] = 71053

        with pytest.raises(ContractError) as bad:
            parse_detail(OrderPlaced, detail)

        assert bad.value.problems == [
            "lines[1].sku must be a string, not int",
            "total.currency is missing",
        ]


def test_command_is_read_from_a_payload():
    with pytest.raises(ContractError, match="country is missing"):
        BookShipment.decode({"order_id": "1", "lines": []})


@pytest.mark.parametrize(("number", "end"), [(MAX_NAMED, "bad"), (MAX_NAMED + 1, "and 1 more")])
def test_error_names_so_many_problems_and_counts_the_others(number: int, end: str):
    assert str(ContractError("Whole", ["bad"] * number)).endswith(f"; {end}")


class TestStrEnum:
    def test_value_is_decoded_as_a_member_and_encoded_as_a_text(self):
        paint = decode(Paint, {"colour": "RED"})

        assert paint.colour is Colour.RED
        assert json.dumps(encode(paint)) == '{"colour": "RED"}'
        assert decode(Paint, encode(paint)) == paint

    @pytest.mark.parametrize(
        ("value", "found"),
        [("GREEN", "'GREEN'"), (1, "int"), (None, "null"), ("red", "'red'"), ([], "list")],
    )
    def test_other_value_is_refused_by_name(self, value: object, found: str):
        with pytest.raises(ContractError) as refused:
            decode(Paint, {"colour": value})
        assert refused.value.problems == [f"colour must be one of RED, BLUE, not {found}"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    names: tuple[str, ...] = field(default_factory=tuple)


def test_field_with_a_factory_of_its_default_may_be_missing():
    assert decode(Listed, {}) == Listed()
